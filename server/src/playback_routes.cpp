#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <server/playback_routes.hpp>
#include <server/playback_signature.hpp>

#include "playback_channel_waits.hpp"
#include "playback_reply.hpp"
#include "playlist_directives.hpp"
#include "playlist_encodings.hpp"

namespace sg::server {
namespace {

constexpr std::string_view kCookie = "sg_play=";

std::int64_t unix_seconds(const Clock& clock) {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch())
        .count();
}

/// "exp.sig" of our cookie as "exp=...&sig=...": "&" and "=" have meanings in cookies.
std::string token_of_cookie(std::string_view cookies) {
    while (!cookies.empty()) {
        const auto end = cookies.find(';');
        auto item = cookies.substr(0, end);
        item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
        const auto dot = item.find('.');
        if (item.starts_with(kCookie) && dot != std::string_view::npos) {
            return fmt::format("exp={}&sig={}",
                               item.substr(kCookie.size(), dot - kCookie.size()),
                               item.substr(dot + 1));
        }
        cookies = end == std::string_view::npos ? std::string_view() : cookies.substr(end + 1);
    }
    return {};
}

/// "/live/NAME/rest": what a channel is asked for.
struct PlaybackPath {
    std::string_view channel;  ///< "live/NAME"
    std::string_view prefix;   ///< "/live/NAME/"
    std::string_view rest;
};

std::optional<PlaybackPath> split(std::string_view path) {
    const auto application_end = path.find('/', 1);
    if (application_end == std::string_view::npos) return std::nullopt;
    const auto name_end = path.find('/', application_end + 1);
    if (name_end == std::string_view::npos || name_end + 1 == path.size()) return std::nullopt;
    return PlaybackPath{
        path.substr(1, name_end - 1), path.substr(0, name_end + 1), path.substr(name_end + 1)};
}

/// What one request needs while it is answered.
struct Call {
    PlaybackPath path;
    live::PlaylistDirectives directives;
    std::string token;       ///< of a signed URL or cookie that was accepted
    bool by_cookie = false;  ///< `token` came in the cookie alone
};

bool is_playlist(std::string_view path) {
    return path.ends_with(".m3u8") || path.ends_with(".mpd");
}

std::uint64_t viewer_hash(const Request& request) {
    const std::hash<std::string_view> hash;
    return hash(request.client) * 31 + hash(request.field("user-agent"));
}

/// What of a growing object has not been sent yet.
std::vector<BodyPiece> pieces_after(const live::Resource& resource, std::uint64_t sent) {
    std::vector<BodyPiece> out;
    for (const auto& media : resource.pieces) {
        auto piece = BodyPiece::of(media);
        const auto skip = std::min(sent, piece.bytes);
        sent -= skip;
        piece.bytes -= skip;
        if (piece.bytes == 0) continue;
        if (piece.file) {
            piece.offset += skip;
        } else {
            piece.data += skip;
        }
        out.push_back(std::move(piece));
    }
    return out;
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
    }
    return out + '"';
}

}  // namespace

struct PlaybackRoutes::Impl {
    struct PerContext {
        std::shared_ptr<PlaybackChannelWaits> waits = std::make_shared<PlaybackChannelWaits>();
        PlaylistEncodings encodings;
    };

    live::PlaybackDirectory& directory;
    PlaybackOptions options;
    const Clock& clock;
    std::optional<PlaybackSignature> signature;
    std::vector<PerContext> contexts;
    Counter timed_out;
    Counter denied;

    Impl(live::PlaybackDirectory& channels, PlaybackOptions settings, const Clock& time)
        : directory(channels), options(std::move(settings)), clock(time) {}

    void add_cors(const Request& request, Response& response) const;
    [[nodiscard]] Response preflight(const Request& request) const;
    [[nodiscard]] Response list(const Request& request) const;
    [[nodiscard]] std::optional<Response> authorise(const Request& request, Call& call) const;
    void set_cookie(const Request& request, const Call& call, Response& response) const;
    [[nodiscard]] Task<> fail(Exchange& exchange,
                              int status,
                              std::string_view code,
                              std::string_view message) const;

    [[nodiscard]] Task<> serve(Exchange& exchange);
    [[nodiscard]] Task<> answer_call(Exchange& exchange,
                                     std::shared_ptr<live::PlaybackChannel> channel,
                                     Call call);
    [[nodiscard]] Task<> send_found(Exchange& exchange,
                                    const std::shared_ptr<live::PlaybackChannel>& channel,
                                    const Call& call,
                                    live::Resource resource);
    [[nodiscard]] Task<> send_growing(Exchange& exchange,
                                      const std::shared_ptr<live::PlaybackChannel>& channel,
                                      const Call& call,
                                      live::Resource resource);
    /// Null when a newer view stands already.
    [[nodiscard]] WaitList* wait_list(Exchange& exchange,
                                      const std::shared_ptr<live::PlaybackChannel>& channel,
                                      const live::ChannelView* seen) {
        return contexts[exchange.context_index()].waits->join(exchange.context(), channel, seen);
    }
    [[nodiscard]] std::chrono::milliseconds wait_limit(const live::Lookup& found) const {
        return found.wait_limit.count() > 0 ? found.wait_limit : options.default_wait;
    }
};

void PlaybackRoutes::Impl::add_cors(const Request& request, Response& response) const {
    const auto& allowed = options.allowed_origins;
    const auto origin = request.field("origin");
    if (std::find(allowed.begin(), allowed.end(), "*") != allowed.end()) {
        response.add("Access-Control-Allow-Origin", "*");
    } else {
        response.add("Vary", "Origin");
        if (origin.empty() || std::find(allowed.begin(), allowed.end(), origin) == allowed.end()) {
            return;
        }
        response.add("Access-Control-Allow-Origin", origin);
        response.add("Access-Control-Allow-Credentials", "true");
    }
    response.add("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag");
}

Response PlaybackRoutes::Impl::preflight(const Request& request) const {
    Response response;
    response.status = 204;
    response.add("Allow", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, Cache-Control");
    response.add("Access-Control-Max-Age", "86400");
    add_cors(request, response);
    return response;
}

Response PlaybackRoutes::Impl::list(const Request& request) const {
    std::string body = "{\"channels\":[";
    for (const auto& channel : directory.list()) {
        if (body.back() != '[') body += ',';
        const auto view = channel->view();
        body += fmt::format("{{\"name\":{0},\"hls\":{1},\"dash\":{2},\"ended\":{3}}}",
                            json_string(channel->name()),
                            json_string(fmt::format("/{}/index.m3u8", channel->name())),
                            json_string(fmt::format("/{}/manifest.mpd", channel->name())),
                            view->ended());
    }
    auto response = Response::text(200, "application/json", body + "]}\n");
    response.add("Cache-Control", "no-cache");
    add_cors(request, response);
    return response;
}

std::optional<Response> PlaybackRoutes::Impl::authorise(const Request& request, Call& call) const {
    if (!signature) return std::nullopt;
    const auto now = unix_seconds(clock);
    call.token = PlaybackSignature::token_of(request.query);
    if (signature->verify(call.path.prefix, call.token, now)) return std::nullopt;
    call.token = token_of_cookie(request.field("cookie"));
    call.by_cookie = true;
    if (signature->verify(call.path.prefix, call.token, now)) return std::nullopt;
    denied.add();
    auto response =
        Response::error(403, "not_authorised", "this needs a signed URL that has not expired");
    add_cors(request, response);
    return response;
}

void PlaybackRoutes::Impl::set_cookie(const Request& request,
                                      const Call& call,
                                      Response& response) const {
    if (call.token.empty() || call.by_cookie || !is_playlist(call.path.rest)) return;
    const auto expires = PlaybackSignature::expiry_of(call.token);
    response.add("Set-Cookie",
                 fmt::format("{}{}.{}; Path={}; Max-Age={}; HttpOnly; SameSite={}",
                             kCookie,
                             expires,
                             call.token.substr(call.token.rfind('=') + 1),
                             call.path.prefix,
                             expires - unix_seconds(clock),
                             request.secure ? "None; Secure" : "Lax"));
}

Task<> PlaybackRoutes::Impl::fail(Exchange& exchange,
                                  int status,
                                  std::string_view code,
                                  std::string_view message) const {
    auto response = Response::error(status, code, message);
    if (status == 503) response.add("Retry-After", "1");
    add_cors(exchange.request(), response);
    return exchange.send(std::move(response));
}

Task<> PlaybackRoutes::Impl::serve(Exchange& exchange) {
    const auto& request = exchange.request();
    if (request.method == Method::kOptions) {
        co_await exchange.send(preflight(request));
        co_return;
    }
    if (request.method != Method::kGet && request.method != Method::kHead) {
        auto response =
            Response::error(405, "method_not_allowed", "media can only be read: use GET");
        response.add("Allow", "GET, HEAD, OPTIONS");
        co_await exchange.send(std::move(response));
        co_return;
    }
    Call call;
    const auto path = split(request.path);
    std::shared_ptr<live::PlaybackChannel> channel;
    if (path) {
        call.path = *path;
        if (auto refusal = authorise(request, call)) {
            co_await exchange.send(std::move(*refusal));
            co_return;
        }
        channel = directory.find(path->channel);
    }
    if (!channel) {
        co_await fail(exchange, 404, "no_channel", "there is no channel of this name");
        co_return;
    }
    if (path->rest.ends_with(".m3u8")) {
        const auto directives = parse_directives(request.query);
        if (!directives) {
            co_await fail(exchange, 400, "bad_directive", "a delivery directive is malformed");
            co_return;
        }
        call.directives = *directives;
    }
    co_await answer_call(exchange, std::move(channel), std::move(call));
}

Task<> PlaybackRoutes::Impl::answer_call(Exchange& exchange,
                                         std::shared_ptr<live::PlaybackChannel> channel,
                                         Call call) {
    using Outcome = live::Lookup::Outcome;
    std::optional<std::chrono::steady_clock::time_point> until;
    for (;;) {
        auto view = channel->view();
        auto found = view->find(call.path.rest, call.directives);
        if (found.outcome == Outcome::kFound) {
            view.reset();
            co_await send_found(exchange, channel, call, std::move(found.resource));
            co_return;
        }
        if (found.outcome == Outcome::kBadRequest) {
            co_await fail(exchange,
                          400,
                          "bad_directive",
                          "the playlist will not reach what the directives ask for");
            co_return;
        }
        if (found.outcome == Outcome::kNotFound || view->ended()) {
            co_await fail(exchange, 404, "not_found", "the channel does not have this object");
            co_return;
        }
        auto* list = wait_list(exchange, channel, view.get());
        view.reset();  // it keeps a whole window of media
        if (list == nullptr) continue;
        const auto now = std::chrono::steady_clock::now();
        if (!until) until = now + wait_limit(found);
        const auto outcome = co_await exchange.wait(
            *list, std::chrono::duration_cast<std::chrono::milliseconds>(*until - now));
        if (outcome == WaitOutcome::kWoken) continue;
        if (outcome == WaitOutcome::kClientLeft) co_return;
        timed_out.add();
        co_await fail(exchange, 503, "not_yet", "the object did not appear in time");
        co_return;
    }
}

Task<> PlaybackRoutes::Impl::send_found(Exchange& exchange,
                                        const std::shared_ptr<live::PlaybackChannel>& channel,
                                        const Call& call,
                                        live::Resource resource) {
    const auto& request = exchange.request();
    if (is_playlist(call.path.rest)) channel->count_viewer(viewer_hash(request));
    if (!resource.complete) {
        co_await send_growing(exchange, channel, call, std::move(resource));
    } else {
        const bool text = is_playlist(call.path.rest);
        ReplyContext context{
            request,
            text ? fmt::format("{}{}", request.path, call.directives.skip ? "\nskip" : "")
                 : std::string(),
            text && !call.by_cookie ? std::string_view(call.token) : std::string_view(),
            call.by_cookie,
            contexts[exchange.context_index()].encodings};
        auto response = reply_with(std::move(resource), context);
        add_cors(request, response);
        set_cookie(request, call, response);
        co_await exchange.send(std::move(response));
    }
    channel->count_sent(exchange.body_bytes_sent());
}

Task<> PlaybackRoutes::Impl::send_growing(Exchange& exchange,
                                          const std::shared_ptr<live::PlaybackChannel>& channel,
                                          const Call& call,
                                          live::Resource resource) {
    auto head = growing_head(resource, call.by_cookie);
    add_cors(exchange.request(), head);
    co_await exchange.begin(std::move(head));
    if (exchange.request().method == Method::kHead) co_return;
    std::uint64_t sent = 0;
    bool complete = false;
    auto fresh = pieces_after(resource, sent);
    resource = {};
    for (;;) {
        for (const auto& piece : fresh) sent += piece.bytes;
        if (!fresh.empty()) co_await exchange.write(std::move(fresh));
        if (exchange.lost()) co_return;
        if (complete) break;
        auto view = channel->view();
        auto found = view->find(call.path.rest, call.directives);
        complete = found.resource.complete;
        if (found.outcome != live::Lookup::Outcome::kFound || (view->ended() && !complete)) {
            exchange.abort();
            co_return;
        }
        fresh = pieces_after(found.resource, sent);
        if (!fresh.empty() || complete) continue;
        found = {};
        auto* list = wait_list(exchange, channel, view.get());
        view.reset();
        if (list == nullptr) continue;
        const auto outcome = co_await exchange.wait(*list, options.growth_timeout);
        if (outcome != WaitOutcome::kWoken) {
            exchange.abort();
            co_return;
        }
    }
    co_await exchange.finish();
}

PlaybackRoutes::PlaybackRoutes(live::PlaybackDirectory& directory,
                               std::size_t contexts,
                               PlaybackOptions options,
                               const Clock& clock,
                               Metrics& metrics)
    : impl_(std::make_unique<Impl>(directory, std::move(options), clock)) {
    impl_->contexts = std::vector<Impl::PerContext>(contexts);
    if (!impl_->options.signature_keys.empty()) {
        impl_->signature.emplace(impl_->options.signature_keys);
    }
    impl_->timed_out = metrics.counter("streamgate_playback_wait_timeouts_total",
                                       "Held requests that ended before the object existed.");
    impl_->denied =
        metrics.counter("streamgate_playback_denied_total", "Requests without a valid signed URL.");
}

PlaybackRoutes::~PlaybackRoutes() = default;

void PlaybackRoutes::add_to(Router& router) {
    for (const auto& application : impl_->options.applications) {
        router.add_prefix("/" + application + "/", [impl = impl_.get()](Exchange& exchange) {
            return impl->serve(exchange);
        });
    }
    router.get("/live/index.json",
               [impl = impl_.get()](const Request& request) { return impl->list(request); });
    router.get("/time", [impl = impl_.get()](const Request& request) {
        auto response = Response::text(200, "text/plain", rfc3339(impl->clock.wall()));
        response.add("Cache-Control", "no-store");
        impl->add_cors(request, response);
        return response;
    });
}

}  // namespace sg::server
