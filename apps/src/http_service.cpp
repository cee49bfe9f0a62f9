#include "http_service.hpp"

#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <server/player_page.hpp>

#include <base/log.hpp>

namespace sg::apps {
namespace {

namespace asio = boost::asio;

server::PlaybackOptions playback_options(const ServeSettings& settings) {
    const auto applications = served_applications(settings);
    server::PlaybackOptions options;
    options.applications.assign(applications.begin(), applications.end());
    options.allowed_origins = settings.playback.allowed_origins;
    for (const auto& key : settings.playback.signature_keys)
        options.signature_keys.push_back(key.key);
    return options;
}

}  // namespace

std::set<std::string> served_applications(const ServeSettings& settings) {
    std::set<std::string> applications{"live"};
    const auto add = [&](std::string_view name) {
        applications.emplace(name.substr(0, name.find('/')));
    };
    for (const auto& channel : settings.channels) add(channel.name);
    for (const auto& each : settings.templates) add(each.pattern);
    return applications;
}

HttpService::HttpService(const ServeSettings& settings,
                         live::PlaybackDirectory& channels,
                         std::vector<asio::io_context*> contexts,
                         const Clock& clock,
                         telemetry::MetricsRegistry& metrics,
                         telemetry::Health& health)
    : contexts_(std::move(contexts)), metrics_(metrics) {
    playback_ = std::make_unique<server::PlaybackRoutes>(
        channels, contexts_.size(), playback_options(settings), clock, metrics);
    playback_->add_to(router_);
    server::add_player_page(router_);
    router_.get("/metrics", [&metrics](const server::Request&) {
        return server::Response::text(
            200, telemetry::MetricsRegistry::kContentType, metrics.text());
    });
    router_.get("/healthz", [](const server::Request&) {
        return server::Response::text(200, "text/plain", "ok\n");
    });
    router_.get("/readyz", [&health](const server::Request&) {
        const auto report = health.report();
        return server::Response::text(report.ready ? 200 : 503, "text/plain", report.text);
    });
}

HttpService::~HttpService() = default;

Status HttpService::listen(const ServeSettings& settings,
                           const Listeners& listeners,
                           ServiceAddresses& addresses) {
    const auto start =
        [&](const char* key, const std::optional<ListenAddress>& at, bool tls) -> Status {
        if (!at) return {};
        server::HttpServerOptions options;
        options.address = at->address;
        options.port = at->port;
        options.max_connections = settings.limits.viewers;
        options.max_connections_per_address = settings.limits.viewers_per_address;
        options.trusted_proxies = settings.playback.trusted_proxies;
        if (tls) options.tls = {settings.tls.certificate.string(), settings.tls.key.string()};
        auto server = server::HttpServer::start(contexts_, router_, options, metrics_);
        if (!server) return cannot_listen(key, *at, server.error());
        auto shown = *at;
        shown.port = (*server)->port();
        (tls ? addresses.https : addresses.http) =
            fmt::format("{}://{}", tls ? "https" : "http", shown.text());
        servers_.push_back(std::move(*server));
        return {};
    };
    SG_TRY(start("listen.http", listeners.http, false));
    SG_TRY(start("listen.https", listeners.https, true));
    return {};
}

void HttpService::reload_tls() {
    for (auto& server : servers_) {
        if (auto status = server->reload_tls(); !status)
            log::error("reload_tls error=\"{}\"", status.error().message);
    }
}

void HttpService::stop(std::chrono::milliseconds grace, std::function<void()> stopped) {
    auto& first = *contexts_.front();
    auto left = std::make_shared<std::size_t>(servers_.size());
    if (servers_.empty()) asio::post(first, stopped);
    for (auto& server : servers_) {
        server->stop(grace, [&first, left, stopped] {
            asio::post(first, [left, stopped] {
                if (--*left == 0) stopped();
            });
        });
    }
}

}  // namespace sg::apps
