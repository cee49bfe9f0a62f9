#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <api/channel_routes.hpp>
#include <jobs/input_policy.hpp>

#include "live_service.hpp"
#include "serve_settings.hpp"

namespace sg::apps {

/// What the API's channels need of the configuration and of the live service. Any thread.
class ApiChannels final : public api::ChannelControl {
  public:
    ApiChannels(const ServeSettings& settings, LiveService& live, const jobs::AllowedRoots& roots);

    [[nodiscard]] api::ChannelDraft read(std::string_view name,
                                         std::string_view document,
                                         std::string_view before) const override;
    [[nodiscard]] std::string show(const live::ChannelSettings& settings) const override;
    [[nodiscard]] std::vector<live::ChannelSettings> configured() const override;
    void apply(std::vector<live::ChannelSettings> running,
               std::vector<std::string> stopped) override;

    /// The configuration was read again.
    void configure(const std::vector<live::ChannelSettings>& channels);

  private:
    mutable std::mutex mutex_;
    std::vector<live::ChannelSettings> configured_;
    const std::set<std::string> applications_;  ///< that players are answered below
    LiveService& live_;
    const jobs::AllowedRoots& roots_;
};

}  // namespace sg::apps
