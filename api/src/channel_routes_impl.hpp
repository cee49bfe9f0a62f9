#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <api/channel_routes.hpp>

#include "channel_table.hpp"

namespace sg::api {

/// What is known of a channel when a request about it comes.
struct KnownChannel {
    std::string name;
    const char* source = "publisher";  ///< "config", "api"; "publisher": made by a template
    std::optional<live::ChannelSettings> settings;
    std::optional<ChannelRow> row;  ///< of "api"
    std::shared_ptr<live::Channel> channel;
};

struct ChannelRoutes::Impl : std::enable_shared_from_this<Impl> {
    Impl(sql::Database& d,
         const SecretBox& b,
         live::ChannelRegistry& r,
         ChannelControl& c,
         const Clock& k,
         ChannelRoutesOptions o);

    // Each is one operation.
    server::Task<Reply> list(Call& call);
    server::Task<Reply> get(Call& call);
    server::Task<Reply> create(Call& call);
    server::Task<Reply> put(Call& call);
    server::Task<Reply> remove(Call& call);
    server::Task<Reply> set_enabled(Call& call, bool enabled);
    server::Task<Reply> switch_input(Call& call);

    server::Task<Reply> store(Call& call,
                              std::string name,
                              std::string document,
                              std::optional<ChannelRow> before);
    server::Task<Reply> answer(std::string name, int status);
    server::Task<void> end_running(std::string name);
    [[nodiscard]] Result<std::optional<ChannelRow>> row_of(const std::string& name);
    [[nodiscard]] Result<KnownChannel> known(const std::string& name);
    [[nodiscard]] bool in_configuration(std::string_view name) const;
    /// What the database has, to the control.
    [[nodiscard]] Status refresh();

    sql::Database& database;
    const SecretBox& box;
    live::ChannelRegistry& registry;
    ChannelControl& control;
    const Clock& clock;
    ChannelRoutesOptions options;
    std::mutex refreshing;
    struct Read {
        std::int64_t version = 0;
        live::ChannelSettings settings;
    };
    std::map<std::string, Read> read;  ///< under `refreshing`
};

}  // namespace sg::api
