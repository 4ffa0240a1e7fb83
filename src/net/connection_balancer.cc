#include "net/connection_balancer.h"

#include <algorithm>
#include <utility>

namespace slipway::net {

void ConnectionBalancer::Place(Member& own, Client client) const {
  Member& idlest = **std::ranges::min_element(members_, {}, &Member::connections);
  const size_t fewest = idlest.connections();
  if (own.connections() <= fewest + fewest / 4) {
    own.Begin(std::move(client));
  } else {
    idlest.BeginLater(std::move(client));
  }
}

}  // namespace slipway::net
