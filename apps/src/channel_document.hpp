#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <api/channel_routes.hpp>
#include <jobs/input_policy.hpp>
#include <live/channel_settings.hpp>

namespace sg::apps {

/// Reads a channel as the API gets it: as one of `channels` of the configuration file, in JSON.
/// Files of secrets cannot be named; other files must lie below `roots`.
[[nodiscard]] api::ChannelDraft read_channel_document(std::string_view name,
                                                      std::string_view document,
                                                      std::string_view before,
                                                      const jobs::AllowedRoots& roots);

/// A JSON object without secrets.
[[nodiscard]] std::string channel_as_json(const live::ChannelSettings& settings);

}  // namespace sg::apps
