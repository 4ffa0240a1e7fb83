#include "import/sklearn/special_functions.h"

#include <array>

#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {

using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

namespace {

Value Where(GraphBuilder& graph, const Value& condition, const Value& yes, const Value& no) {
  return graph.Node("Where", {condition, yes, no}, {}, ElementType::kDouble);
}

Value Compare(GraphBuilder& graph, std::string_view op, const Value& x, const Value& y) {
  return graph.Node(op, {x, y}, {}, ElementType::kBool);
}

Value Quotient(GraphBuilder& graph, const Value& x, std::span<const double> over,
               std::span<const double> under) {
  return graph.Node("Div", {Polynomial(graph, x, over), Polynomial(graph, x, under)});
}

}  // namespace

Value Polynomial(GraphBuilder& graph, const Value& x, std::span<const double> coefficients) {
  Value sum = Constant(graph, coefficients.front());
  for (const double coefficient : coefficients.subspan(1)) {
    sum = graph.Node("Add", {graph.Node("Mul", {sum, x}), Constant(graph, coefficient)});
  }
  return sum;
}

// The error that rounding 1 + x makes is divided out again.
Value Log1p(GraphBuilder& graph, const Value& x) {
  const Value one = Constant(graph, 1);
  const Value u = graph.Node("Add", {x, one});
  const Value small = Compare(graph, "Equal", u, one);
  const Value rounded = graph.Node("Sub", {u, one});
  const Value exact = graph.Node("Mul", {graph.Node("Log", {u}), graph.Node("Div", {x, rounded})});
  return Where(graph, small, x, exact);
}

// The same way.
Value Expm1(GraphBuilder& graph, const Value& x) {
  const Value one = Constant(graph, 1);
  const Value u = graph.Node("Exp", {x});
  const Value difference = graph.Node("Sub", {u, one});
  const Value exact =
      graph.Node("Mul", {difference, graph.Node("Div", {x, graph.Node("Log", {u})})});
  const Value small = Compare(graph, "Equal", u, one);
  const Value far = Compare(graph, "Greater", graph.Node("Abs", {x}), one);
  return Where(graph, far, difference, Where(graph, small, x, exact));
}

Value Erf(GraphBuilder& graph, const Value& x) {
  constexpr std::array kNearOver = {9.60497373987051638749E0, 9.00260197203842689217E1,
                                    2.23200534594684319226E3, 7.00332514112805075473E3,
                                    5.55923013010394962768E4};
  constexpr std::array kNearUnder = {1.0,
                                     3.35617141647503099647E1,
                                     5.21357949780152679795E2,
                                     4.59432382970980127987E3,
                                     2.26290000613890934246E4,
                                     4.92673942608635921086E4};
  constexpr std::array kFarOver = {
      2.46196981473530512524E-10, 5.64189564831068821977E-1, 7.46321056442269912687E0,
      4.86371970985681366614E1,   1.96520832956077098242E2,  5.26445194995477358631E2,
      9.34528527171957607540E2,   1.02755188689515710272E3,  5.57535335369399327526E2};
  constexpr std::array kFarUnder = {1.0,
                                    1.32281951154744992508E1,
                                    8.67072140885989742329E1,
                                    3.54937778887819891062E2,
                                    9.75708501743205489753E2,
                                    1.82390916687909736289E3,
                                    2.24633760818710981792E3,
                                    1.65666309194161350182E3,
                                    5.57535340817727675546E2};
  const Value size = graph.Node("Abs", {x});
  const Value near =
      graph.Node("Mul", {x, Quotient(graph, graph.Node("Mul", {x, x}), kNearOver, kNearUnder)});
  // From 8 on it is 1 to the last place.
  const Value bound = graph.Node("Min", {size, Constant(graph, 8)});
  const Value power = graph.Node("Exp", {graph.Node("Neg", {graph.Node("Mul", {bound, bound})})});
  const Value rest = graph.Node("Mul", {power, Quotient(graph, bound, kFarOver, kFarUnder)});
  const Value far =
      graph.Node("Mul", {graph.Node("Sign", {x}), graph.Node("Sub", {Constant(graph, 1), rest})});
  return Where(graph, Compare(graph, "Greater", size, Constant(graph, 1)), far, near);
}

Value NormalQuantile(GraphBuilder& graph, const Value& p) {
  constexpr std::array kNearOver = {-5.99633501014107895267E1, 9.80010754185999661536E1,
                                    -5.66762857469070293439E1, 1.39312609387279679503E1,
                                    -1.23916583867381258016E0};
  constexpr std::array kNearUnder = {1.0,
                                     1.95448858338141759834E0,
                                     4.67627912898881538453E0,
                                     8.63602421390890590575E1,
                                     -2.25462687854119370527E2,
                                     2.00260212380060660359E2,
                                     -8.20372256168333339912E1,
                                     1.59056225126211695515E1,
                                     -1.18331621121330003142E0};
  constexpr std::array kFarOver = {
      4.05544892305962419923E0,   3.15251094599893866154E1,   5.71628192246421288162E1,
      4.40805073893200834700E1,   1.46849561928858024014E1,   2.18663306850790267539E0,
      -1.40256079171354495875E-1, -3.50424626827848203418E-2, -8.57456785154685413611E-4};
  constexpr std::array kFarUnder = {1.0,
                                    1.57799883256466749731E1,
                                    4.53907635128879210584E1,
                                    4.13172038254672030440E1,
                                    1.50425385692907503408E1,
                                    2.50464946208309415979E0,
                                    -1.42182922854787788574E-1,
                                    -3.80806407691578277194E-2,
                                    -9.33259480895457427372E-4};
  constexpr double kTail = 0.13533528323661269189;  // exp(-2)
  constexpr double kRootOfTwoPi = 2.50662827463100050242;
  const Value one = Constant(graph, 1);
  const Value half = Constant(graph, 0.5);
  const Value centered = graph.Node("Sub", {p, half});
  const Value square = graph.Node("Mul", {centered, centered});
  const Value bend = graph.Node("Mul", {square, Quotient(graph, square, kNearOver, kNearUnder)});
  const Value near =
      graph.Node("Mul", {graph.Node("Add", {centered, graph.Node("Mul", {centered, bend})}),
                         Constant(graph, kRootOfTwoPi)});
  const Value above = Compare(graph, "Greater", p, half);
  const Value tail = Where(graph, above, graph.Node("Sub", {one, p}), p);
  const Value x =
      graph.Node("Sqrt", {graph.Node("Mul", {graph.Node("Log", {tail}), Constant(graph, -2)})});
  const Value inverse = graph.Node("Reciprocal", {x});
  const Value first = graph.Node("Sub", {x, graph.Node("Div", {graph.Node("Log", {x}), x})});
  const Value second = graph.Node("Mul", {inverse, Quotient(graph, inverse, kFarOver, kFarUnder)});
  const Value size = graph.Node("Sub", {first, second});
  const Value infinite = Compare(graph, "LessOrEqual", tail, Constant(graph, 0));
  const Value bounded = Where(graph, infinite, x, size);
  const Value far = Where(graph, above, bounded, graph.Node("Neg", {bounded}));
  return Where(graph, Compare(graph, "Greater", tail, Constant(graph, kTail)), near, far);
}

}  // namespace slipway::import::sklearn
