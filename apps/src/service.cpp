#include "service.hpp"

#include <csignal>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <live/publish_rules.hpp>
#include <live/pull_inputs.hpp>
#include <live/restreamer.hpp>
#include <live/rtmp_ingest.hpp>
#include <live/segment_store.hpp>
#include <live/srt_ingest.hpp>
#include <server/http_server.hpp>
#include <server/playback_routes.hpp>
#include <server/player_page.hpp>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <telemetry/health.hpp>
#include <telemetry/metrics_registry.hpp>

#include <base/digest.hpp>
#include <base/file.hpp>
#include <base/log.hpp>
#include <protocols/rtmp_server.hpp>
#include <protocols/srt_listener.hpp>

#include "config.hpp"
#include "encoder_factory.hpp"
#include "listen_address.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

/// How long viewers and publishers have to finish when the service stops.
constexpr auto kStopGrace = std::chrono::seconds(1);

/// Below this, what is written would soon fail.
constexpr std::uint64_t kLeastFreeBytes = 64U << 20;

/// One thread's share: its io_context, and what must live on it.
struct Worker {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::unique_ptr<live::RtmpIngest> rtmp_ingest;
    std::unique_ptr<protocols::RtmpServer> rtmp;
    std::unique_ptr<live::SrtIngest> srt_ingest;
};

live::RegistryOptions registry_options(const ServeSettings& settings) {
    live::RegistryOptions options;
    options.channels = settings.channels;
    options.templates = settings.templates;
    options.max_channels = settings.limits.channels;
    return options;
}

live::PublishRules publish_rules(const PublishSettings& settings) {
    live::PublishRules rules;
    for (const auto& key : settings.keys)
        rules.keys.push_back({key.channel, sha256_hex(key.key), key.not_before, key.expires});
    for (const auto& secret : {settings.token.secret, settings.token.previous}) {
        if (!secret.empty()) rules.token_secrets.push_back(secret);
    }
    if (!settings.callback.url.empty())
        rules.callback = {settings.callback.url, settings.callback.timeout};
    return rules;
}

server::PlaybackOptions playback_options(const ServeSettings& settings) {
    std::set<std::string> applications{"live"};
    const auto add = [&](std::string_view name) {
        applications.emplace(name.substr(0, name.find('/')));
    };
    for (const auto& channel : settings.channels) add(channel.name);
    for (const auto& each : settings.templates) add(each.pattern);
    server::PlaybackOptions options;
    options.applications.assign(applications.begin(), applications.end());
    options.allowed_origins = settings.playback.allowed_origins;
    for (const auto& key : settings.playback.signature_keys)
        options.signature_keys.push_back(key.key);
    return options;
}

/// Connections and files of DVR windows are many; the usual soft limit is there for select().
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/// What keeps `folder` from being written to, empty when nothing does.
std::string folder_fault(const std::filesystem::path& folder) {
    struct statvfs disk {};
    if (access(folder.c_str(), W_OK) != 0 || statvfs(folder.c_str(), &disk) != 0)
        return fmt::format("{} cannot be written to", folder.string());
    if (disk.f_bavail * disk.f_frsize < kLeastFreeBytes)
        return fmt::format("the disk of {} is full", folder.string());
    return {};
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
    return all;
}

/// With the key that names it, and what to do when the port is taken.
Error cannot_listen(const char* key, const ListenAddress& at, const Error& why) {
    return {why.code,
            fmt::format("{}: {}; if another program has port {}, stop it ('ss -lntup' names it) or "
                        "choose another: --{} {}:PORT, or off",
                        key,
                        why.message,
                        at.port,
                        std::string_view(key).substr(7),
                        at.address)};
}

}  // namespace

struct Service::Impl {
    explicit Impl(const ServeSettings& s)
        : settings(s), gate(publish_rules(s.publish), clock, metrics) {}

    [[nodiscard]] Status start();
    [[nodiscard]] Status start_rtmp(const Listeners& listeners);
    [[nodiscard]] Status start_srt(const Listeners& listeners);
    [[nodiscard]] Status start_http(const Listeners& listeners);
    void add_store();
    void add_health();
    void wait_for_signal();
    void take(const ServeSettings& fresh);
    void stop(int signal);
    void stop_servers();

    ServeSettings settings;
    SystemClock clock;
    telemetry::MetricsRegistry metrics;
    telemetry::Health health;
    live::RuledGate gate;
    std::unique_ptr<protocols::SrtService> srt_service;
    std::vector<std::unique_ptr<Worker>> workers;
    std::unique_ptr<live::SegmentStore> store;
    std::unique_ptr<live::ChannelRegistry> registry;
    std::unique_ptr<live::PullInputs> pulls;
    std::unique_ptr<protocols::SrtListener> srt;
    server::Router router;
    std::unique_ptr<server::PlaybackRoutes> playback;
    std::vector<std::unique_ptr<server::HttpServer>> http;
    std::optional<asio::signal_set> signals;
    std::function<Result<ServeSettings>()> reload;
    ServiceAddresses addresses;
    std::atomic<bool> stopping = false;
    std::size_t servers_running = 0;
};

Status Service::Impl::start() {
    raise_file_limit();
    SG_TRY_ASSIGN(const auto listeners, parse_listeners(settings));
    if (auto made = make_folders(settings.data); !made)
        return made.error().within("data (where recordings and DVR go; another: --data DIR)");
    const auto threads = settings.threads > 0
                             ? settings.threads
                             : std::max<std::size_t>(1, std::thread::hardware_concurrency());
    // Also for channels that call others: it sleeps while nobody uses it.
    SG_TRY_ASSIGN(srt_service, protocols::SrtService::create());
    std::vector<asio::io_context*> homes;
    for (std::size_t i = 0; i < threads; ++i) {
        workers.push_back(std::make_unique<Worker>());
        homes.push_back(&workers.back()->context);
    }
    registry =
        std::make_unique<live::ChannelRegistry>(registry_options(settings), homes, clock, metrics);
    registry->set_encoder_factory(encoder_factory(clock, metrics));
    add_store();
    pulls = std::make_unique<live::PullInputs>(*registry, homes, srt_service.get(), clock, metrics);
    const auto free = [](const char* key, const std::optional<ListenAddress>& at) -> Status {
        if (!at) return {};
        const auto status = check_port_free(*at);
        return status ? Status() : Status(cannot_listen(key, *at, status.error()));
    };
    SG_TRY(free("listen.rtmp", listeners.rtmp));
    SG_TRY(free("listen.rtmps", listeners.rtmps));
    SG_TRY(free("listen.http", listeners.http));
    SG_TRY(free("listen.https", listeners.https));
    SG_TRY(start_rtmp(listeners));
    SG_TRY(start_srt(listeners));
    SG_TRY(start_http(listeners));
    add_health();
    return {};
}

void Service::Impl::add_store() {
    live::SegmentStoreOptions options;
    options.folder = settings.data;
    store = std::make_unique<live::SegmentStore>(std::move(options), clock, metrics);
    store->clean();
    registry->set_continuations(
        [this](const live::ChannelSettings& channel) { return store->restore(channel); });
    registry->set_observer_factory([this](live::Channel& channel) {
        store->observe(channel);
        live::observe_restream(channel, clock, metrics, srt_service.get());
    });
}

Status Service::Impl::start_rtmp(const Listeners& listeners) {
    if (!listeners.rtmp && !listeners.rtmps) return {};
    auto admission = std::make_shared<protocols::RtmpAdmission>(
        settings.limits.publishers, settings.limits.publishers_per_address);
    protocols::RtmpServerOptions options;
    options.limits.message_bytes = settings.limits.rtmp_message_bytes;
    options.limits.partial_bytes = 2 * settings.limits.rtmp_message_bytes;
    auto plain = listeners.rtmp;
    auto secure = listeners.rtmps;
    for (auto& worker : workers) {
        worker->rtmp_ingest =
            std::make_unique<live::RtmpIngest>(worker->context, *registry, gate, clock);
        worker->rtmp = std::make_unique<protocols::RtmpServer>(
            worker->context, options, admission, *worker->rtmp_ingest);
        using Security = protocols::RtmpServer::Security;
        const auto listen =
            [&](const char* key, std::optional<ListenAddress>& at, Security security) -> Status {
            if (!at) return {};
            const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(at->address), at->port);
            const auto bound = worker->rtmp->listen(endpoint, security, true);
            if (!bound) return cannot_listen(key, *at, bound.error());
            at->port = bound->port();
            return {};
        };
        if (secure)
            SG_TRY(worker->rtmp->use_certificate(settings.tls.certificate, settings.tls.key));
        SG_TRY(listen("listen.rtmp", plain, Security::kPlain));
        SG_TRY(listen("listen.rtmps", secure, Security::kTls));
    }
    if (plain) addresses.rtmp = fmt::format("rtmp://{}", plain->text());
    if (secure) addresses.rtmps = fmt::format("rtmps://{}", secure->text());
    return {};
}

/// New connections go to the threads in turn; each makes its channels at home there.
Status Service::Impl::start_srt(const Listeners& listeners) {
    if (!listeners.srt) return {};
    auto at = *listeners.srt;
    std::vector<protocols::SrtListener::OnConnection> takers;
    for (auto& worker : workers) {
        worker->srt_ingest = std::make_unique<live::SrtIngest>(
            *registry,
            gate,
            [this](std::string_view channel) {
                auto found = registry->configured(channel);
                return found ? std::move(found->srt) : live::SrtEncryption();
            },
            worker->context,
            clock);
        takers.push_back(worker->srt_ingest->on_connection());
    }
    protocols::SrtListenerSettings options;
    options.address = at.address;
    options.port = at.port;
    options.latency = settings.srt.latency;
    options.connections = settings.limits.publishers;
    options.connections_per_ip = settings.limits.publishers_per_address;
    auto& first = workers.front()->context;
    auto listener = protocols::SrtListener::create(
        *srt_service,
        options,
        workers.front()->srt_ingest->admission(),
        [&first](std::function<void()> work) { asio::post(first, std::move(work)); },
        [takers = std::move(takers),
         next = std::size_t{0}](std::shared_ptr<protocols::SrtConnection> connection) mutable {
            takers[next++ % takers.size()](std::move(connection));
        });
    if (!listener) return cannot_listen("listen.srt", at, listener.error());
    srt = std::move(*listener);
    at.port = srt->port();
    addresses.srt = fmt::format("srt://{}", at.text());
    return {};
}

Status Service::Impl::start_http(const Listeners& listeners) {
    playback = std::make_unique<server::PlaybackRoutes>(
        *registry, workers.size(), playback_options(settings), clock, metrics);
    playback->add_to(router);
    server::add_player_page(router);
    router.get("/metrics", [this](const server::Request&) {
        return server::Response::text(
            200, telemetry::MetricsRegistry::kContentType, metrics.text());
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
    const auto listen =
        [&](const char* key, const std::optional<ListenAddress>& at, bool tls) -> Status {
        if (!at) return {};
        server::HttpServerOptions options;
        options.address = at->address;
        options.port = at->port;
        options.max_connections = settings.limits.viewers;
        options.max_connections_per_address = settings.limits.viewers_per_address;
        options.trusted_proxies = settings.playback.trusted_proxies;
        if (tls) options.tls = {settings.tls.certificate.string(), settings.tls.key.string()};
        auto server = server::HttpServer::start(contexts, router, options, metrics);
        if (!server) return cannot_listen(key, *at, server.error());
        auto shown = *at;
        shown.port = (*server)->port();
        (tls ? addresses.https : addresses.http) =
            fmt::format("{}://{}", tls ? "https" : "http", shown.text());
        http.push_back(std::move(*server));
        return {};
    };
    SG_TRY(listen("listen.http", listeners.http, false));
    SG_TRY(listen("listen.https", listeners.https, true));
    return {};
}

/// Listeners are bound before anything runs, so what is left is whether they still take anybody.
void Service::Impl::add_health() {
    health.add("listeners", [this] {
        return stopping.load() ? std::string("the service stops") : std::string();
    });
    health.add("data", [folder = settings.data] { return folder_fault(folder); });
}

void Service::Impl::wait_for_signal() {
    signals->async_wait([this](const boost::system::error_code& failed, int number) {
        if (failed) return;
        if (number != SIGHUP) {
            stop(number);
            return;
        }
        if (auto fresh = reload()) {
            take(*fresh);
        } else {
            log::error("config_not_reloaded error=\"{}\"", fresh.error().message);
        }
        wait_for_signal();
    });
}

/// Streams go on: what cannot change while they run is told.
void Service::Impl::take(const ServeSettings& fresh) {
    std::string restart;
    for (const auto& key : changed_keys(settings, fresh)) {
        if (!key.starts_with("publish.") && key != "limits.channels")
            restart += (restart.empty() ? "" : ",") + key;
    }
    for (const auto& channel : registry->channels()) {
        if (channel->view()->ended()) continue;
        const auto& mine = channel->settings();
        const auto found =
            std::ranges::find(fresh.channels, mine.name, &live::ChannelSettings::name);
        const auto shape = std::ranges::find_if(fresh.templates, [&](const auto& each) {
            return live::matches_pattern(each.pattern, mine.name);
        });
        const bool named = found != fresh.channels.end();
        if (!named && shape == fresh.templates.end()) {
            log::warn("channel_not_configured channel={} until=\"it ends\"", mine.name);
            continue;
        }
        auto later = named ? *found : shape->settings;
        later.name = mine.name;
        const auto changed = changed_keys(mine, later);
        if (changed.empty()) continue;
        log::warn("channel_keeps_settings channel={} until=\"it ends\" changed={}",
                  mine.name,
                  fmt::join(changed, ","));
    }
    gate.set_rules(publish_rules(fresh.publish));
    registry->reload(registry_options(fresh));
    pulls->apply(fresh.channels);
    for (auto& worker : workers) {
        if (fresh.listen.rtmps == "off" || !worker->rtmp) continue;
        asio::post(worker->context, [&worker, tls = fresh.tls] {
            if (const auto status = worker->rtmp->use_certificate(tls.certificate, tls.key);
                !status)
                log::error("reload_tls error=\"{}\"", status.error().message);
        });
    }
    for (auto& server : http) {
        if (auto status = server->reload_tls(); !status)
            log::error("reload_tls error=\"{}\"", status.error().message);
    }
    // What needs a restart stays as it is, so that it is told again next time.
    settings.publish = fresh.publish;
    settings.limits.channels = fresh.limits.channels;
    settings.channels = fresh.channels;
    settings.templates = fresh.templates;
    if (!restart.empty()) log::warn("config_needs_restart keys={}", restart);
    log::info("config_reloaded channels={}", registry->channels().size());
}

/// Publishers first, so that streams end in order; then viewers; then the threads.
void Service::Impl::stop(int signal) {
    log::info("stopping signal={}", signal);
    stopping = true;
    srt.reset();
    pulls->stop();
    registry->end_all("the service stops");
    // One round through every thread, so that streams have ended and viewers who wait have heard
    // of it before connections close.
    auto turns = std::make_shared<std::size_t>(workers.size());
    for (auto& worker : workers) {
        asio::post(worker->context, [this, &worker, turns] {
            if (worker->rtmp) worker->rtmp->stop("the service stops");
            asio::post(workers.front()->context, [this, turns] {
                if (--*turns == 0) stop_servers();
            });
        });
    }
}

void Service::Impl::stop_servers() {
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

const ServiceAddresses& Service::addresses() const {
    return impl_->addresses;
}

Status Service::run(const std::function<Result<ServeSettings>()>& reload) {
    auto& impl = *impl_;
    impl.reload = reload;
    impl.signals.emplace(impl.workers.front()->context, SIGINT, SIGTERM, SIGHUP);
    impl.wait_for_signal();
    impl.pulls->apply(impl.settings.channels);
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < impl.workers.size(); ++i) {
        threads.emplace_back([&context = impl.workers[i]->context] { context.run(); });
    }
    impl.workers.front()->context.run();
    threads.clear();
    impl.gate.stop();
    return {};
}

}  // namespace sg::apps
