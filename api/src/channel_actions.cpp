#include <functional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "channel_routes_impl.hpp"
#include "field_reader.hpp"

// What is done with a running channel: another input on air.

namespace sg::api {
namespace {

using nlohmann::json;
namespace asio = boost::asio;

constexpr std::size_t kLongestText = 128;

server::Task<Status> prefer_at_home(std::shared_ptr<live::Channel> channel, std::string input) {
    if (input.empty()) co_return channel->prefer_input(std::nullopt);
    co_return channel->prefer_input(std::string_view(input));
}

}  // namespace

server::Task<Reply> ChannelRoutes::Impl::switch_input(Call& call) {
    const auto name = std::string(call.param("app")) + "/" + std::string(call.param("name"));
    const auto body = read_object(call.request().body);
    if (const auto* bad = std::get_if<Problem>(&body)) co_return *bad;
    FieldReader fields(std::get<json>(body), {"input"});
    const auto& given = std::get<json>(body);
    const bool any = given.contains("input") && given["input"].is_null();
    const auto input = any ? std::string() : fields.text("input", kLongestText).value_or("");
    if (!fields.has("input"))
        fields.fault("missing_field", "input", "name the input, or null for the best one again");
    if (auto refused = fields.refused()) co_return *refused;
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

}  // namespace sg::api
