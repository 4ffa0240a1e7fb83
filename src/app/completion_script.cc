#include "app/completion_script.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/joined.h"
#include "base/str_cat.h"

namespace slipway::app {
namespace {

using base::Joined;
using base::StrCat;
using Argument = CompletionTree::Argument;
using Kind = CompletionTree::Argument::Kind;
using Option = CompletionTree::Option;

// ----- Reading the tree -----

// "TEXT:{json,csv}": what CLI::IsMember says of itself.
std::vector<std::string> ChoicesIn(std::string_view type_name) {
  std::vector<std::string> choices;
  const size_t open = type_name.find('{');
  const size_t close = type_name.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  std::string_view list = type_name.substr(open + 1, close - open - 1);
  while (!list.empty()) {
    const size_t comma = list.find(',');
    choices.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return choices;
}

Argument ReadArgument(const CLI::Option& option) {
  constexpr std::array<std::string_view, 4> kFromDisk = {"FILE", "PATH", "SRC", "PATH|URL"};
  if (option.get_items_expected_max() == 0) return {};
  const std::string type = option.get_type_name();
  Argument argument{
      .kind = Kind::kWord, .choices = ChoicesIn(type), .label = type.substr(0, type.find(':'))};
  if (!argument.choices.empty()) {
    argument.kind = Kind::kChoice;
    argument.label = "choice";
  } else if (type == "DIR") {
    argument.kind = Kind::kDirectory;
  } else if (std::ranges::find(kFromDisk, type) != kFromDisk.end()) {
    argument.kind = Kind::kFile;
  }
  return argument;
}

void ReadOptions(const CLI::App& app, std::vector<Option>& options,
                 std::vector<Argument>* positionals) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      if (positionals != nullptr) positionals->push_back(ReadArgument(*option));
      continue;
    }
    Option one;
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    one.summary = option->get_description();
    one.argument = ReadArgument(*option);
    one.repeatable = option->get_items_expected_max() > 1;
    options.push_back(std::move(one));
  }
}

// ----- Quoting -----

// `text` with `escape` in front of each character that is in `special`.
std::string Escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

// In single quotes, for bash and zsh.
std::string ShellQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out.append(c == '\'' ? std::string_view("'\\''") : std::string_view(&c, 1));
  return out + "'";
}

std::string FishQuoted(std::string_view text) { return StrCat("'", Escaped(text, "\\'"), "'"); }

std::vector<std::string> NamesOf(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// ----- bash -----

// A call of the helper that offers what fits the argument.
std::string BashOffer(const Argument& argument) {
  switch (argument.kind) {
    case Kind::kChoice:
      return StrCat("_slipway_offer -W ", ShellQuoted(Joined(argument.choices, " ")));
    case Kind::kFile:
      return "_slipway_offer -f";
    case Kind::kDirectory:
      return "_slipway_offer -d";
    default:
      return ":";
  }
}

constexpr std::string_view kBashHead =
    R"(# slipway completion for bash. Load it with: source <(slipway completion bash)
_slipway_offer() {
  local IFS=$'\n'
  if [[ $1 == -W ]]; then
    COMPREPLY+=($(IFS=' '; compgen -W "$2" -- "$current"))
  else
    compopt -o filenames 2>/dev/null || :
    COMPREPLY+=($(compgen "$1" -- "$current"))
  fi
}

_slipway() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
  local command="" i
  COMPREPLY=()
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" && $COMP_CWORD -ge 2 ]]; then
    previous="${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      command="${COMP_WORDS[i]}"
      break
    fi
  done
)";

// What follows an option that takes a value.
std::string BashValues(const CompletionTree& tree) {
  std::string out = "  case \"$command $previous\" in\n";
  for (const auto& command : tree.commands) {
    for (const Option& option : command.options) {
      if (option.argument.kind == Kind::kNone) continue;
      std::string patterns;
      for (const std::string& name : option.names) {
        patterns += StrCat(patterns.empty() ? "" : " | ", ShellQuoted(command.name + " " + name));
      }
      out += StrCat("    ", patterns, ") ", BashOffer(option.argument), "; return ;;\n");
    }
  }
  return out + "  esac\n";
}

// --help does not list what has no group.
bool IsListed(const CLI::App* command) { return !command->get_group().empty(); }

}  // namespace

CompletionTree ReadCompletionTree(const CLI::App& root) {
  CompletionTree tree;
  tree.program = root.get_name();
  ReadOptions(root, tree.options, nullptr);
  for (const CLI::App* app : root.get_subcommands(IsListed)) {
    CompletionTree::Command command;
    command.name = app->get_name();
    command.summary = app->get_description();
    ReadOptions(*app, command.options, &command.positionals);
    tree.commands.push_back(std::move(command));
  }
  return tree;
}

std::string BashCompletion(const CompletionTree& tree) {
  std::vector<std::string> first;
  first.reserve(tree.commands.size());
  for (const auto& command : tree.commands) first.push_back(command.name);
  std::string out(kBashHead);
  out += BashValues(tree);
  out += "  case \"$command\" in\n";
  out += StrCat("    '') if [[ $current == -* ]]; then _slipway_offer -W ",
                ShellQuoted(Joined(NamesOf(tree.options), " ")), "; else _slipway_offer -W ",
                ShellQuoted(Joined(first, " ")), "; fi ;;\n");
  for (const auto& command : tree.commands) {
    out += StrCat("    ", command.name, ")\n      if [[ $current == -* ]]; then _slipway_offer -W ",
                  ShellQuoted(Joined(NamesOf(command.options), " ")), "; return; fi\n");
    for (const Argument& argument : command.positionals) {
      out += StrCat("      ", BashOffer(argument), "\n");
    }
    out += "      ;;\n";
  }
  return StrCat(out, "  esac\n}\n\ncomplete -F _slipway ", tree.program, "\n");
}

namespace {

// ----- zsh -----

std::string ZshAction(const Argument& argument) {
  switch (argument.kind) {
    case Kind::kChoice:
      return StrCat("(", Joined(argument.choices, " "), ")");
    case Kind::kFile:
      return "_files";
    case Kind::kDirectory:
      return "_files -/";
    default:
      return " ";
  }
}

// One argument of _arguments for each name: '--listen[help]:ADDR: '
std::string ZshOption(const Option& option) {
  const std::string help = StrCat("[", Escaped(option.summary, "[]:\\"), "]");
  const std::string label = Escaped(option.argument.label, ":\\");
  const std::string value = option.argument.kind == Kind::kNone
                                ? ""
                                : StrCat(":", label, ":", ZshAction(option.argument));
  const std::string excluded =
      option.repeatable ? "*" : StrCat("(", Joined(option.names, " "), ")");
  std::string out;
  for (const std::string& name : option.names) {
    out += StrCat(" \\\n        ", ShellQuoted(StrCat(excluded, name, help, value)));
  }
  return out;
}

}  // namespace

std::string ZshCompletion(const CompletionTree& tree) {
  std::string commands;
  std::string cases;
  for (const auto& command : tree.commands) {
    commands += StrCat("    ", ShellQuoted(StrCat(command.name, ":", command.summary)), "\n");
    cases += StrCat("      ", command.name, ")\n        _arguments");
    for (const Option& option : command.options) cases += ZshOption(option);
    for (const Argument& argument : command.positionals) {
      cases += StrCat(" \\\n        ", ShellQuoted(StrCat("*:", Escaped(argument.label, ":\\"), ":",
                                                          ZshAction(argument))));
    }
    cases += "\n        ;;\n";
  }
  std::string general;
  for (const Option& option : tree.options) general += ZshOption(option);
  return StrCat(
      "#compdef ", tree.program,
      "\n# slipway completion for zsh. Load it with: source <(slipway completion zsh)\n"
      "_slipway() {\n  local -a commands\n  local state line\n  commands=(\n",
      commands, "  )\n  _arguments -C", general,
      " \\\n        '1:command:->command' '*::argument:->argument'\n  case $state in\n"
      "    command) _describe command commands ;;\n    argument)\n      case $words[1] in\n",
      cases,
      "      esac\n      ;;\n  esac\n}\n\n"
      "if [[ $funcstack[1] == _slipway ]]; then\n  _slipway \"$@\"\nelse\n  compdef _slipway ",
      tree.program, "\nfi\n");
}

namespace {

// ----- fish -----

std::string FishArgument(const Argument& argument) {
  switch (argument.kind) {
    case Kind::kNone:
      return "";
    case Kind::kChoice:
      return StrCat(" -x -a ", FishQuoted(Joined(argument.choices, " ")));
    case Kind::kFile:
      return " -r -F";
    case Kind::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
    case Kind::kWord:
      break;
  }
  return " -x";
}

std::string FishOption(const Option& option) {
  std::string names;
  for (const std::string& name : option.names) {
    names +=
        name.starts_with("--") ? StrCat(" -l ", name.substr(2)) : StrCat(" -s ", name.substr(1));
  }
  return StrCat(names, FishArgument(option.argument), " -d ", FishQuoted(option.summary), "\n");
}

}  // namespace

std::string FishCompletion(const CompletionTree& tree) {
  std::string out = StrCat(
      "# slipway completion for fish. Load it with: slipway completion fish | source\ncomplete -c ",
      tree.program, " -f\n");
  const std::string start = StrCat("complete -c ", tree.program, " -n ");
  for (const Option& option : tree.options) {
    out += StrCat(start, "__fish_use_subcommand", FishOption(option));
  }
  for (const auto& command : tree.commands) {
    out += StrCat(start, "__fish_use_subcommand -a ", command.name, " -d ",
                  FishQuoted(command.summary), "\n");
  }
  for (const auto& command : tree.commands) {
    const std::string seen = StrCat("'__fish_seen_subcommand_from ", command.name, "'");
    for (const Option& option : command.options) out += StrCat(start, seen, FishOption(option));
    for (const Argument& argument : command.positionals) {
      if (argument.kind == Kind::kFile) out += StrCat(start, seen, " -F\n");
      if (argument.kind == Kind::kDirectory || argument.kind == Kind::kChoice) {
        out += StrCat(start, seen, FishArgument(argument), "\n");
      }
    }
  }
  return out;
}

}  // namespace slipway::app
