#pragma once

#include <string>

#include <base/result.hpp>

#include "server_client.hpp"

namespace sg::apps {

/// Sends a file by tus 1.0, in pieces; goes on where it was when a connection breaks. Gives the
/// upload's id. `tell`: how far it is, on standard error when that is a terminal. Blocks.
[[nodiscard]] Result<std::string> upload_file(const ServerClient& client,
                                              const std::string& path,
                                              bool tell);

}  // namespace sg::apps
