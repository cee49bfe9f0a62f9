#pragma once

#include <string>

#include "serve_settings.hpp"
#include "service_addresses.hpp"

namespace sg::apps {

/// What is told at the start: what listens where, how to publish, where to watch. `channel` is
/// "live/NAME" in general.
[[nodiscard]] std::string start_message(const ServiceAddresses& addresses,
                                        const ServeSettings& settings,
                                        const std::string& channel);

/// What whoever starts a service should know of its jobs.
struct JobsNotice {
    std::filesystem::path data;
    std::vector<std::filesystem::path> roots;
    bool authentication = true;
    std::optional<std::filesystem::path> new_admin_key;
};
[[nodiscard]] std::string jobs_message(const ServiceAddresses& addresses, const JobsNotice& notice);

}  // namespace sg::apps
