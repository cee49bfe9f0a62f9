#include "service.hpp"

#include <csignal>
#include <functional>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <base/log.hpp>
#include <live/rtmp_ingest.hpp>
#include <protocols/rtmp_server.hpp>
#include <server/http_server.hpp>
#include <server/playback_routes.hpp>
#include <server/player_page.hpp>
#include <telemetry/health.hpp>
#include <telemetry/metrics_registry.hpp>

#include "listen_address.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

/// How long viewers and publishers have to finish when the service stops.
constexpr auto kStopGrace = std::chrono::seconds(1);

/// Everybody may publish: loopback only, or said explicitly.
class OpenGate final : public live::PublishGate {
  public:
    void check(live::PublishClaim, std::function<void(Status)> then) override { then({}); }
    Status check_now(const live::PublishClaim&) override { return {}; }
};

/// One thread's share: its io_context, and what must live on it.
struct Worker {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::unique_ptr<live::RtmpIngest> rtmp_ingest;
    std::unique_ptr<protocols::RtmpServer> rtmp;
};

live::RegistryOptions registry_options(const ServeSettings& settings) {
    live::RegistryOptions options;
    options.channels = settings.channels;
    options.templates = settings.templates;
    return options;
}

struct Listeners {
    std::optional<ListenAddress> rtmp;
    std::optional<ListenAddress> rtmps;
    std::optional<ListenAddress> srt;
    std::optional<ListenAddress> http;
    std::optional<ListenAddress> https;
};

Result<Listeners> parse_listeners(const ServeSettings& settings) {
    Listeners all;
    const auto& listen = settings.listen;
    SG_TRY_ASSIGN(all.rtmp, parse_listen_address("listen.rtmp", listen.rtmp));
    SG_TRY_ASSIGN(all.rtmps, parse_listen_address("listen.rtmps", listen.rtmps));
    SG_TRY_ASSIGN(all.srt, parse_listen_address("listen.srt", listen.srt));
    SG_TRY_ASSIGN(all.http, parse_listen_address("listen.http", listen.http));
    SG_TRY_ASSIGN(all.https, parse_listen_address("listen.https", listen.https));
    if ((all.rtmps || all.https) && (settings.certificate.empty() || settings.key.empty())) {
        return Error{Errc::kInvalidArgument,
                     "listen.rtmps and listen.https need tls.certificate and tls.key"};
    }
    for (const auto* each : {&all.rtmp, &all.rtmps, &all.srt}) {
        if (!*each || (*each)->loopback() || settings.publish.anyone) continue;
        return Error{Errc::kInvalidArgument,
                     fmt::format("listen on {}: anyone who reaches it could publish. Set publish.keys, "
                                 "or say publish.anyone: true",
                                 (*each)->text())};
    }
    return all;
}

}  // namespace

struct Service::Impl {
    explicit Impl(const ServeSettings& s) : settings(s) {}

    [[nodiscard]] Status start();
    [[nodiscard]] Status start_rtmp(const Listeners& listeners);
    [[nodiscard]] Status start_http(const Listeners& listeners);
    void wait_for_signal();
    void stop(int signal);

    ServeSettings settings;
    SystemClock clock;
    telemetry::MetricsRegistry metrics;
    telemetry::Health health;
    OpenGate gate;
    std::vector<std::unique_ptr<Worker>> workers;
    std::unique_ptr<live::ChannelRegistry> registry;
    server::Router router;
    std::unique_ptr<server::PlaybackRoutes> playback;
    std::vector<std::unique_ptr<server::HttpServer>> http;
    std::optional<asio::signal_set> signals;
    std::function<Result<ServeSettings>()> reload;
    std::vector<std::string> addresses;
    std::size_t servers_running = 0;
};

Status Service::Impl::start() {
    SG_TRY_ASSIGN(const auto listeners, parse_listeners(settings));
    const auto threads = settings.threads > 0
                             ? settings.threads
                             : std::max<std::size_t>(1, std::thread::hardware_concurrency());
    std::vector<asio::io_context*> homes;
    for (std::size_t i = 0; i < threads; ++i) {
        workers.push_back(std::make_unique<Worker>());
        homes.push_back(&workers.back()->context);
    }
    registry = std::make_unique<live::ChannelRegistry>(
        registry_options(settings), homes, clock, metrics);
    SG_TRY(start_rtmp(listeners));
    SG_TRY(start_http(listeners));
    return {};
}

Status Service::Impl::start_rtmp(const Listeners& listeners) {
    if (!listeners.rtmp && !listeners.rtmps) return {};
    auto admission = std::make_shared<protocols::RtmpAdmission>(
        settings.max_publishers, settings.max_publishers_per_address);
    auto plain = listeners.rtmp;
    auto secure = listeners.rtmps;
    for (auto& worker : workers) {
        worker->rtmp_ingest =
            std::make_unique<live::RtmpIngest>(worker->context, *registry, gate, clock);
        worker->rtmp = std::make_unique<protocols::RtmpServer>(
            worker->context, protocols::RtmpServerOptions(), admission, *worker->rtmp_ingest);
        using Security = protocols::RtmpServer::Security;
        const auto listen = [&](std::optional<ListenAddress>& at, Security security) -> Status {
            if (!at) return {};
            const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(at->address), at->port);
            SG_TRY_ASSIGN(const auto bound, worker->rtmp->listen(endpoint, security, true));
            at->port = bound.port();
            return {};
        };
        if (secure) SG_TRY(worker->rtmp->use_certificate(settings.certificate, settings.key));
        SG_TRY(listen(plain, Security::kPlain));
        SG_TRY(listen(secure, Security::kTls));
    }
    if (plain) addresses.push_back(fmt::format("rtmp://{}/live/NAME", plain->text()));
    if (secure) addresses.push_back(fmt::format("rtmps://{}/live/NAME", secure->text()));
    return {};
}

Status Service::Impl::start_http(const Listeners& listeners) {
    playback = std::make_unique<server::PlaybackRoutes>(
        *registry, workers.size(), server::PlaybackOptions(), clock, metrics);
    playback->add_to(router);
    server::add_player_page(router);
    router.get("/metrics", [this](const server::Request&) {
        return server::Response::text(200, telemetry::MetricsRegistry::kContentType, metrics.text());
    });
    router.get("/healthz", [](const server::Request&) {
        return server::Response::text(200, "text/plain", "ok\n");
    });
    router.get("/readyz", [this](const server::Request&) {
        const auto report = health.report();
        return server::Response::text(report.ready ? 200 : 503, "text/plain", report.text);
    });
    std::vector<asio::io_context*> contexts;
    for (auto& worker : workers) contexts.push_back(&worker->context);
    const auto listen = [&](const std::optional<ListenAddress>& at, bool tls) -> Status {
        if (!at) return {};
        server::HttpServerOptions options;
        options.address = at->address;
        options.port = at->port;
        options.max_connections = settings.max_viewers;
        if (tls) options.tls = {settings.certificate.string(), settings.key.string()};
        SG_TRY_ASSIGN(auto server, server::HttpServer::start(contexts, router, options, metrics));
        auto shown = *at;
        shown.port = server->port();
        addresses.push_back(fmt::format("{}://{}/", tls ? "https" : "http", shown.text()));
        http.push_back(std::move(server));
        return {};
    };
    SG_TRY(listen(listeners.http, false));
    SG_TRY(listen(listeners.https, true));
    return {};
}

void Service::Impl::wait_for_signal() {
    signals->async_wait([this](const boost::system::error_code& failed, int number) {
        if (failed) return;
        if (number != SIGHUP) {
            stop(number);
            return;
        }
        if (auto fresh = reload()) {
            settings.channels = fresh->channels;
            settings.templates = fresh->templates;
            registry->reload(registry_options(settings));
            for (auto& server : http) {
                if (auto status = server->reload_tls(); !status)
                    log::error("reload_tls error=\"{}\"", status.error().message);
            }
            log::info("config_reloaded");
        } else {
            log::error("config_not_reloaded error=\"{}\"", fresh.error().message);
        }
        wait_for_signal();
    });
}

/// Publishers first, so that streams end in order; then viewers; then the threads.
void Service::Impl::stop(int signal) {
    log::info("stopping signal={}", signal);
    registry->end_all("the service stops");
    for (auto& worker : workers) {
        asio::post(worker->context, [&worker] {
            if (worker->rtmp) worker->rtmp->stop("the service stops");
        });
    }
    servers_running = http.size();
    const auto leave = [this] {
        for (auto& worker : workers) worker->guard.reset();
        for (auto& worker : workers) worker->context.stop();
    };
    if (http.empty()) leave();
    for (auto& server : http) {
        server->stop(kStopGrace, [this, leave] {
            asio::post(workers.front()->context, [this, leave] {
                if (--servers_running == 0) leave();
            });
        });
    }
}

Result<std::unique_ptr<Service>> Service::create(const ServeSettings& settings) {
    auto impl = std::make_unique<Impl>(settings);
    SG_TRY(impl->start());
    return std::unique_ptr<Service>(new Service(std::move(impl)));
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

std::vector<std::string> Service::addresses() const {
    return impl_->addresses;
}

Status Service::run(const std::function<Result<ServeSettings>()>& reload) {
    auto& impl = *impl_;
    impl.reload = reload;
    impl.signals.emplace(impl.workers.front()->context, SIGINT, SIGTERM, SIGHUP);
    impl.wait_for_signal();
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < impl.workers.size(); ++i) {
        threads.emplace_back([&context = impl.workers[i]->context] { context.run(); });
    }
    impl.workers.front()->context.run();
    return {};
}

}  // namespace sg::apps
