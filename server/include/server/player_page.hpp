#pragma once

#include <server/router.hpp>

namespace sg::server {

/// The page at "/" that lists channels and plays them.
void add_player_page(Router& router);

}  // namespace sg::server
