#include <functional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <live/dvr_clip.hpp>
#include <nlohmann/json.hpp>

#include <base/ids.hpp>

#include "channel_routes_impl.hpp"

// What is done with a running channel: another input on air, a clip of its window.

namespace sg::api {
namespace {

using nlohmann::json;
namespace asio = boost::asio;

constexpr std::size_t kMostClipsWaiting = 16;

/// A member that is text or missing; a problem for anything else.
std::optional<Problem> text_member(const json& document, const char* name, std::string& into) {
    const auto found = document.find(name);
    if (found == document.end() || found->is_null()) return std::nullopt;
    const auto pointer = fmt::format("/{}", name);
    if (!found->is_string()) return problem("wrong_type", "must be text", pointer);
    into = found->get<std::string>();
    return std::nullopt;
}

std::optional<Problem> only_members(const json& document,
                                    std::initializer_list<const char*> known) {
    if (!document.is_object()) return problem("malformed_json", "the body must be a JSON object");
    for (const auto& [key, value] : document.items()) {
        bool found = false;
        for (const auto* name : known) found = found || key == name;
        if (!found)
            return problem("unknown_field",
                           fmt::format("is not known here; there are: {}",
                                       fmt::join(known.begin(), known.end(), ", ")),
                           "/" + key);
    }
    return std::nullopt;
}

server::Task<Status> prefer_at_home(std::shared_ptr<live::Channel> channel, std::string input) {
    if (input.empty()) co_return channel->prefer_input(std::nullopt);
    co_return channel->prefer_input(std::string_view(input));
}

using Made = std::shared_ptr<Result<live::ClipSummary>>;

/// On the pool's thread; resumes on the request's.
server::Task<Made> make_clip(asio::thread_pool& pool, live::ClipRequest request) {
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<server::Executor>,
                                            void(Made)>(
        [&pool](auto handler, live::ClipRequest wanted) {
            const auto back = asio::get_associated_executor(handler);
            asio::post(
                pool, [back, handler = std::move(handler), wanted = std::move(wanted)]() mutable {
                    auto made =
                        std::make_shared<Result<live::ClipSummary>>(live::make_clip(wanted));
                    asio::post(back,
                               [handler = std::move(handler), made = std::move(made)]() mutable {
                                   std::move(handler)(std::move(made));
                               });
                });
        },
        server::kAwait,
        std::move(request));
}

}  // namespace

server::Task<Reply> ChannelRoutes::Impl::switch_input(Call& call) {
    const auto name = std::string(call.param("app")) + "/" + std::string(call.param("name"));
    const auto document = json::parse(call.request().body, nullptr, false);
    if (auto wrong = only_members(document, {"input"})) co_return *wrong;
    std::string input;
    if (auto wrong = text_member(document, "input", input)) co_return *wrong;
    const auto found = known(name);
    if (!found) co_return problem_of(found.error());
    auto running = registry.running(name);
    if (!running)
        co_return problem("conflict",
                          fmt::format("channel {} does not run: nothing can be switched", name));
    call.audit.subject = name;
    call.audit.details = json{{"input", input}}.dump();
    auto& home = running->home();
    auto work = prefer_at_home(std::move(running), input);
    const auto done = co_await asio::co_spawn(home.get_executor(), std::move(work), server::kAwait);
    if (!done) co_return problem("invalid_value", done.error().message, "/input");
    co_return co_await answer(name, 200);
}

server::Task<Reply> ChannelRoutes::Impl::clip(Call& call) {
    live::ClipRequest request;
    request.store = options.data;
    request.channel = std::string(call.param("app")) + "/" + std::string(call.param("name"));
    if (!live::valid_channel_name(request.channel)) co_return not_found("channel", request.channel);
    const auto document = json::parse(call.request().body, nullptr, false);
    if (auto wrong = only_members(document, {"from", "to"})) co_return *wrong;
    for (auto [member, point] : {std::pair{"from", &request.from}, std::pair{"to", &request.to}}) {
        std::string text;
        if (auto wrong = text_member(document, member, text)) co_return *wrong;
        if (text.empty()) continue;
        auto parsed = live::parse_clip_point(text);
        if (!parsed)
            co_return problem("invalid_value", parsed.error().message, fmt::format("/{}", member));
        *point = *parsed;
    }
    if (clips_waiting.load() >= kMostClipsWaiting)
        co_return problem("quota_exceeded",
                          fmt::format("{} clips are being made; try again", kMostClipsWaiting));
    const auto id = make_id("clip", clock);
    request.output = options.data / "clips" / id;
    call.audit.subject = request.channel;
    call.audit.details = json{{"clip", id}}.dump();
    const auto channel = request.channel;
    const auto folder = request.output.string();
    ++clips_waiting;
    const auto made = co_await make_clip(clips, std::move(request));
    --clips_waiting;
    if (!*made) co_return problem_of(made->error());
    const auto& summary = **made;
    const json out{{"id", id},
                   {"channel", channel},
                   {"folder", folder},
                   {"begins", rfc3339(summary.begins)},
                   {"duration_s", static_cast<double>(summary.length.count()) / 1000},
                   {"segments", summary.segments},
                   {"bytes", summary.bytes}};
    co_return json_response(201, out.dump());
}

}  // namespace sg::api
