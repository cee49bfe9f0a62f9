#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <api/api_router.hpp>
#include <api/secret_box.hpp>
#include <jobs/event_log.hpp>
#include <live/channel_registry.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::api {

/// A channel's document, read: as it is kept, and as it is shown.
struct ChannelDraft {
    live::ChannelSettings settings;
    std::string kept;             ///< JSON with its secrets
    std::vector<Problem> faults;  ///< with one, the rest is of no use
};

/// What the routes need of the configuration and of the live service. Any thread.
class ChannelControl {
  public:
    virtual ~ChannelControl() = default;
    /// `document`: JSON with the keys of a channel of the configuration file but its name.
    /// "(hidden)" stands for the secret at the same place of `before`, which is as it was kept, or
    /// empty.
    [[nodiscard]] virtual ChannelDraft read(std::string_view name,
                                            std::string_view document,
                                            std::string_view before) const = 0;
    /// A JSON object without secrets.
    [[nodiscard]] virtual std::string show(const live::ChannelSettings& settings) const = 0;
    /// Channels of the configuration file.
    [[nodiscard]] virtual std::vector<live::ChannelSettings> configured() const = 0;
    /// All channels of the API: those that run, and names that nobody may publish to.
    virtual void apply(std::vector<live::ChannelSettings> running,
                       std::vector<std::string> stopped) = 0;
};

struct ChannelRoutesOptions {
    std::size_t max_channels = 10'000;
};

/// /v1/channels: live channels that are made by API, and what can be done with all of them. Must
/// outlive the server.
class ChannelRoutes {
  public:
    [[nodiscard]] static std::vector<sql::Migration> migrations();

    ChannelRoutes(sql::Database& database,
                  const SecretBox& box,
                  live::ChannelRegistry& registry,
                  ChannelControl& control,
                  const Clock& clock,
                  ChannelRoutesOptions options);
    ~ChannelRoutes();

    /// Hands what the database has to the control. Blocks; once, before the server starts.
    [[nodiscard]] Status restore();
    void add_to(ApiRouter& router);
    /// Events of a new channel go to the log. On the channel's home thread.
    void observe(live::Channel& channel);

    struct Impl;

  private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace sg::api
