#include <chrono>
#include <utility>

#include <api/conditional.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/log.hpp>

#include "channel_events.hpp"
#include "channel_routes_impl.hpp"
#include "field_reader.hpp"

namespace sg::api {
namespace {

using nlohmann::json;
namespace asio = boost::asio;

constexpr std::size_t kMaxDocumentBytes = 256U << 10;

std::string name_of(const Call& call) {
    return std::string(call.param("app")) + "/" + std::string(call.param("name"));
}

std::string quoted_tag(std::int64_t version) {
    return fmt::format("\"{}\"", version);
}

Problem read_only(std::string_view name) {
    return problem("read_only",
                   fmt::format("channel {} is in the configuration file: change it there and send "
                               "the service SIGHUP",
                               name));
}

/// Nothing, or why the row is not the one that the client means.
std::optional<Problem> if_match(const Call& call, const std::optional<ChannelRow>& row) {
    return check_match(call, row ? std::to_string(row->version) : std::string(), false);
}

Problem faults_problem(std::vector<Problem> faults) {
    auto whole = problem("invalid_document", faults.front().detail, faults.front().pointer);
    if (faults.size() == 1) whole.code = faults.front().code;
    if (faults.size() > 1) whole.errors = std::move(faults);
    return whole;
}

jobs::Millis now_ms(const Clock& clock) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
        .count();
}

server::Task<std::vector<live::ChannelStatus>> statuses_at_home(
    std::vector<std::shared_ptr<live::Channel>> channels) {
    std::vector<live::ChannelStatus> all;
    for (const auto& channel : channels) all.push_back(channel->status());
    co_return all;
}

server::Task<void> end_at_home(std::shared_ptr<live::Channel> channel) {
    channel->end("it was stopped by the API");
    co_return;
}

/// Of any number of channels, one visit to each thread.
server::Task<std::map<std::string, live::ChannelStatus>> statuses(
    std::vector<std::shared_ptr<live::Channel>> channels) {
    std::map<asio::io_context*, std::vector<std::shared_ptr<live::Channel>>> homes;
    for (auto& channel : channels) homes[&channel->home()].push_back(std::move(channel));
    std::map<std::string, live::ChannelStatus> all;
    for (auto& [home, here] : homes) {
        auto work = statuses_at_home(std::move(here));
        auto found = co_await asio::co_spawn(home->get_executor(), std::move(work), server::kAwait);
        for (auto& status : found) all.emplace(status.name, std::move(status));
    }
    co_return all;
}

json status_json(const live::ChannelStatus& status) {
    json out{{"on_air", status.on_air},
             {"bytes_in", status.bytes_in},
             {"bytes_out", status.bytes_out},
             {"segments", status.segments},
             {"viewers", status.viewers}};
    if (status.on_air.empty()) out["on_air"] = nullptr;
    return out;
}

json channel_json(const KnownChannel& known, const live::ChannelStatus* status) {
    const char* state = "waiting";
    if (known.row && !known.row->enabled) state = "stopped";
    if (status != nullptr) state = status->ended ? "ended" : status->live ? "live" : state;
    json out{{"name", known.name},
             {"source", known.source},
             {"state", state},
             {"hls", "/" + known.name + "/index.m3u8"},
             {"dash", "/" + known.name + "/manifest.mpd"}};
    if (known.row) {
        out["version"] = known.row->version;
        out["enabled"] = known.row->enabled;
    }
    if (status != nullptr) out["status"] = status_json(*status);
    return out;
}

}  // namespace

ChannelRoutes::Impl::Impl(sql::Database& d,
                          const SecretBox& b,
                          live::ChannelRegistry& r,
                          ChannelControl& c,
                          const Clock& k,
                          ChannelRoutesOptions o)
    : database(d), box(b), registry(r), control(c), clock(k), options(std::move(o)) {}

bool ChannelRoutes::Impl::in_configuration(std::string_view name) const {
    const auto all = control.configured();
    return std::ranges::any_of(all, [&](const auto& each) { return each.name == name; });
}

Result<std::optional<ChannelRow>> ChannelRoutes::Impl::row_of(const std::string& name) {
    auto db = database.read();
    if (!db) return db.error();
    return channel_row(**db, name);
}

Result<KnownChannel> ChannelRoutes::Impl::known(const std::string& name) {
    KnownChannel out;
    out.name = name;
    out.settings = registry.configured(name);
    for (auto& each : registry.channels()) {
        if (each->name() == name) out.channel = std::move(each);
    }
    if (in_configuration(name)) {
        out.source = "config";
        return out;
    }
    SG_TRY_ASSIGN(out.row, row_of(name));
    if (out.row) {
        out.source = "api";
        const std::scoped_lock lock(refreshing);
        const auto found = read.find(name);
        if (found != read.end()) out.settings = found->second.settings;
    } else if (!out.channel) {
        return Error{Errc::kNotFound, fmt::format("there is no channel '{}'", name)};
    }
    return out;
}

Status ChannelRoutes::Impl::refresh() {
    const std::scoped_lock lock(refreshing);
    std::vector<ChannelRow> rows;
    {
        auto db = database.read();
        if (!db) return db.error();
        SG_TRY_ASSIGN(rows, channel_rows(**db));
    }
    std::map<std::string, Read> fresh;
    std::vector<live::ChannelSettings> running;
    std::vector<std::string> stopped;
    for (const auto& row : rows) {
        auto& entry = fresh[row.name];
        const auto before = read.find(row.name);
        if (before != read.end() && before->second.version == row.version) {
            entry = before->second;
        } else {
            const auto text = box.unseal(row.sealed, row.name);
            if (!text) return text.error().within("channel " + row.name);
            auto draft = control.read(row.name, *text, {});
            // Written by another version of ours, or its preset is gone: the others go on.
            for (const auto& fault : draft.faults)
                log::error("channel_document channel={} pointer={} error=\"{}\"",
                           row.name,
                           fault.pointer,
                           fault.detail);
            entry = {row.version, std::move(draft.settings)};
            entry.settings.name = row.name;
            if (!draft.faults.empty()) entry.version = 0;
        }
        if (row.enabled && entry.version != 0)
            running.push_back(entry.settings);
        else
            stopped.push_back(row.name);
    }
    read = std::move(fresh);
    control.apply(std::move(running), std::move(stopped));
    return {};
}

server::Task<Reply> ChannelRoutes::Impl::answer(std::string name, int status) {
    const auto found = known(name);
    if (!found) co_return problem_of(found.error());
    std::vector<std::shared_ptr<live::Channel>> channels;
    if (found->channel) channels.push_back(found->channel);
    const auto seen = co_await statuses(std::move(channels));
    const auto here = seen.find(name);
    auto out = channel_json(*found, here == seen.end() ? nullptr : &here->second);
    const auto* settings = found->settings ? &*found->settings : nullptr;
    if (settings == nullptr && found->channel) settings = &found->channel->settings();
    if (settings != nullptr) {
        const auto shown = control.show(*settings);
        out["settings"] = json::parse(shown, nullptr, false);
        if (found->channel && !found->channel->view()->ended())
            out["restart_needed"] = control.show(found->channel->settings()) != shown;
    }
    auto response = json_response(status, out.dump());
    if (found->row) response.add("ETag", quoted_tag(found->row->version));
    if (status == 201) response.add("Location", "/v1/channels/" + name);
    co_return response;
}

server::Task<Reply> ChannelRoutes::Impl::list(Call&) {
    std::map<std::string, KnownChannel> all;
    for (const auto& each : control.configured()) {
        all[each.name].source = "config";
    }
    {
        auto db = database.read();
        if (!db) co_return problem_of(db.error());
        auto rows = channel_rows(**db);
        if (!rows) co_return problem_of(rows.error());
        for (auto& row : *rows) {
            auto& entry = all[row.name];
            if (entry.source == std::string_view("config")) continue;
            entry.source = "api";
            entry.row = std::move(row);
        }
    }
    auto running = registry.channels();
    for (const auto& each : running) all[std::string(each->name())].channel = each;
    const auto seen = co_await statuses(std::move(running));
    auto list = json::array();
    for (auto& [name, entry] : all) {
        entry.name = name;
        const auto here = seen.find(name);
        list.push_back(channel_json(entry, here == seen.end() ? nullptr : &here->second));
    }
    co_return json_response(200, json{{"items", std::move(list)}}.dump());
}

server::Task<Reply> ChannelRoutes::Impl::get(Call& call) {
    return answer(name_of(call), 200);
}

server::Task<Reply> ChannelRoutes::Impl::create(Call& call) {
    auto body = read_object(call.request().body);
    if (const auto* bad = std::get_if<Problem>(&body)) co_return *bad;
    auto& document = std::get<json>(body);
    const auto given = document.find("name");
    if (given == document.end() || !given->is_string())
        co_return problem("missing_field", "a channel needs a name, as live/NAME", "/name");
    const auto name = given->get<std::string>();
    document.erase("name");
    if (!live::valid_channel_name(name))
        co_return problem(
            "invalid_value",
            "is not APPLICATION/NAME, each of at most 64 letters, digits, '.', '_' and '-'",
            "/name");
    if (in_configuration(name)) co_return read_only(name);
    const auto row = row_of(name);
    if (!row) co_return problem_of(row.error());
    if (*row)
        co_return problem("conflict",
                          fmt::format("there is a channel {} already: change it with PUT", name));
    co_return co_await store(call, name, document.dump(), std::nullopt);
}

server::Task<Reply> ChannelRoutes::Impl::put(Call& call) {
    const auto name = name_of(call);
    if (!live::valid_channel_name(name))
        co_return problem("invalid_path",
                          fmt::format("'{}' is no name of a channel: APPLICATION/NAME, each of at "
                                      "most 64 letters, digits, '.', '_' and '-'",
                                      name));
    if (in_configuration(name)) co_return read_only(name);
    auto row = row_of(name);
    if (!row) co_return problem_of(row.error());
    if (auto refused = if_match(call, *row)) co_return *refused;
    auto before = std::move(*row);
    co_return co_await store(call, name, call.request().body, std::move(before));
}

server::Task<Reply> ChannelRoutes::Impl::store(Call& call,
                                               std::string name,
                                               std::string document,
                                               std::optional<ChannelRow> before) {
    std::string kept;
    if (before) {
        auto text = box.unseal(before->sealed, name);
        if (!text) co_return problem_of(text.error());
        kept = std::move(*text);
    }
    auto draft = control.read(name, document, kept);
    if (!draft.faults.empty()) co_return faults_problem(std::move(draft.faults));
    ChannelRow row;
    if (before) row = *before;
    row.name = name;
    row.sealed = box.seal(draft.kept, name);
    row.changed = now_ms(clock);
    if (!before) row.created = row.changed;
    call.audit.subject = name;
    const bool fresh = !before.has_value();
    sql::Database::Work work =
        [row, fresh, most = options.max_channels](sql::Connection& db) -> Status {
        if (!fresh) return update_channel(db, row);
        SG_TRY_ASSIGN(const auto rows, channel_rows(db));
        if (rows.size() >= most)
            return Error{Errc::kLimit, fmt::format("there are {} channels already", most)};
        return insert_channel(db, row);
    };
    const auto written = co_await write(call, database, std::move(work));
    if (!written && written.error().code == Errc::kMismatch)
        co_return problem("precondition_failed",
                          "the channel was changed by another request; read it and try again");
    if (!written) co_return problem_of(written.error());
    const auto applied = refresh();
    if (!applied) co_return problem_of(applied.error());
    co_return co_await answer(name, fresh ? 201 : 200);
}

server::Task<void> ChannelRoutes::Impl::end_running(std::string name) {
    auto running = registry.running(name);
    if (!running) co_return;
    auto& home = running->home();
    auto work = end_at_home(std::move(running));
    co_await asio::co_spawn(home.get_executor(), std::move(work), server::kAwait);
}

server::Task<Reply> ChannelRoutes::Impl::remove(Call& call) {
    const auto name = name_of(call);
    if (in_configuration(name)) co_return read_only(name);
    auto row = row_of(name);
    if (!row) co_return problem_of(row.error());
    if (!*row) co_return not_found("channel that was made by API", name);
    if (auto refused = if_match(call, *row)) co_return *refused;
    call.audit.subject = name;
    sql::Database::Work work = [name, version = (*row)->version](sql::Connection& db) {
        return delete_channel(db, name, version);
    };
    const auto written = co_await write(call, database, std::move(work));
    if (!written) co_return problem_of(written.error());
    const auto applied = refresh();
    if (!applied) co_return problem_of(applied.error());
    co_await end_running(name);
    server::Response done;
    done.status = 204;
    co_return done;
}

server::Task<Reply> ChannelRoutes::Impl::set_enabled(Call& call, bool enabled) {
    const auto name = name_of(call);
    if (in_configuration(name)) co_return read_only(name);
    auto found = row_of(name);
    if (!found) co_return problem_of(found.error());
    if (!*found) co_return not_found("channel that was made by API", name);
    if (auto refused = if_match(call, *found)) co_return *refused;
    auto row = std::move(**found);
    call.audit.subject = name;
    if (row.enabled != enabled) {
        row.enabled = enabled;
        row.changed = now_ms(clock);
        sql::Database::Work work = [row](sql::Connection& db) { return update_channel(db, row); };
        const auto written = co_await write(call, database, std::move(work));
        if (!written) co_return problem_of(written.error());
        const auto applied = refresh();
        if (!applied) co_return problem_of(applied.error());
    }
    if (!enabled) co_await end_running(name);
    co_return co_await answer(name, 200);
}

std::vector<sql::Migration> ChannelRoutes::migrations() {
    return channel_migrations();
}

ChannelRoutes::ChannelRoutes(sql::Database& database,
                             const SecretBox& box,
                             live::ChannelRegistry& registry,
                             ChannelControl& control,
                             const Clock& clock,
                             ChannelRoutesOptions options)
    : impl_(std::make_shared<Impl>(database, box, registry, control, clock, std::move(options))) {}

ChannelRoutes::~ChannelRoutes() = default;

Status ChannelRoutes::restore() {
    return impl_->refresh();
}

void ChannelRoutes::observe(live::Channel& channel) {
    log_channel_events(channel, impl_->database, impl_->clock);
}

void ChannelRoutes::add_to(ApiRouter& router) {
    auto* impl = impl_.get();
    using server::Method;
    const auto add = [&](Method method, const char* pattern, const char* id, const char* summary) {
        Operation operation;
        operation.method = method;
        operation.pattern = pattern;
        operation.id = id;
        operation.tag = "channels";
        operation.summary = summary;
        operation.least = Role::kOperator;
        operation.response_schema = "Channel";
        operation.audited = method != Method::kGet;
        return operation;
    };
    constexpr const char* kOne = "/v1/channels/{app}/{name}";
    auto list = add(Method::kGet, "/v1/channels", "listChannels", "All live channels");
    list.response_schema = "ChannelList";
    list.handler = [impl](Call& call) { return impl->list(call); };
    router.add(std::move(list));
    auto create = add(Method::kPost, "/v1/channels", "createChannel", "Make a channel");
    create.request_schema = "ChannelDocument";
    create.success = 201;
    create.max_body_bytes = kMaxDocumentBytes;
    create.handler = [impl](Call& call) { return impl->create(call); };
    router.add(std::move(create));
    auto get = add(Method::kGet, kOne, "getChannel", "A channel, its settings and its state");
    get.handler = [impl](Call& call) { return impl->get(call); };
    router.add(std::move(get));
    auto put = add(Method::kPut, kOne, "putChannel", "Make a channel, or give it other settings");
    put.request_schema = "ChannelDocument";
    put.max_body_bytes = kMaxDocumentBytes;
    put.handler = [impl](Call& call) { return impl->put(call); };
    router.add(std::move(put));
    auto remove = add(Method::kDelete, kOne, "deleteChannel", "End a channel and forget it");
    remove.response_schema.clear();
    remove.success = 204;
    remove.handler = [impl](Call& call) { return impl->remove(call); };
    router.add(std::move(remove));
    auto start = add(Method::kPost,
                     "/v1/channels/{app}/{name}/start",
                     "startChannel",
                     "Let a stopped channel take publishers and pull its inputs");
    start.handler = [impl](Call& call) { return impl->set_enabled(call, true); };
    router.add(std::move(start));
    auto stop = add(Method::kPost,
                    "/v1/channels/{app}/{name}/stop",
                    "stopChannel",
                    "End a channel's stream and let nobody publish to it");
    stop.handler = [impl](Call& call) { return impl->set_enabled(call, false); };
    router.add(std::move(stop));
    auto switched = add(Method::kPost,
                        "/v1/channels/{app}/{name}/switch",
                        "switchChannelInput",
                        "Put another of its inputs on air");
    switched.request_schema = "ChannelSwitch";
    switched.max_body_bytes = 4096;
    switched.handler = [impl](Call& call) { return impl->switch_input(call); };
    router.add(std::move(switched));
}

}  // namespace sg::api
