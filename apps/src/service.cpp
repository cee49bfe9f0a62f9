#include "service.hpp"

#include <atomic>
#include <csignal>
#include <optional>
#include <utility>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <telemetry/health.hpp>
#include <telemetry/metrics_registry.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "config.hpp"
#include "http_service.hpp"
#include "job_service.hpp"
#include "live_service.hpp"
#include "service_listeners.hpp"
#include "service_threads.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

/// How long viewers and publishers have to finish when the service stops.
constexpr auto kStopGrace = std::chrono::seconds(1);
constexpr auto kLivePoll = std::chrono::milliseconds(200);

/// Below this, what is written would soon fail.
constexpr std::uint64_t kLeastFreeBytes = 64U << 20;

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

}  // namespace

struct Service::Impl {
    explicit Impl(const ServeSettings& s) : settings(s), threads(s.threads) {}

    [[nodiscard]] Status start();
    void add_health();
    void wait_for_signal();
    void take(const ServeSettings& fresh);
    void stop(int signal);
    void wait_for_live(Clock::Monotonic until);
    void end_live();

    ServeSettings settings;
    SystemClock clock;
    telemetry::MetricsRegistry metrics;
    telemetry::Health health;
    ServiceThreads threads;
    std::unique_ptr<LiveService> live;
    std::unique_ptr<HttpService> http;
    std::unique_ptr<JobService> jobs;
    std::optional<asio::steady_timer> live_limit;
    std::optional<asio::signal_set> signals;
    std::function<Result<ServeSettings>()> reload;
    ServiceAddresses addresses;
    std::atomic<bool> stopping = false;
    bool ending = false;
};

Status Service::Impl::start() {
    raise_file_limit();
    SG_TRY_ASSIGN(const auto listeners, parse_listeners(settings));
    if (auto made = make_folders(settings.data); !made)
        return made.error().within("data (where recordings and DVR go; another: --data DIR)");
    SG_TRY(check_listeners(listeners));
    SG_TRY_ASSIGN(
        live,
        LiveService::start(settings, listeners, threads.contexts(), clock, metrics, addresses));
    http = std::make_unique<HttpService>(
        settings, live->channels(), threads.contexts(), clock, metrics, health);
    if (settings.jobs.enabled) {
        SG_TRY_ASSIGN(
            jobs,
            JobService::open(
                settings, listeners, threads, *live, http->router(), health, clock, metrics));
    }
    SG_TRY(http->listen(settings, listeners, addresses));
    add_health();
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

void Service::Impl::take(const ServeSettings& fresh) {
    std::string restart;
    for (const auto& key : changed_keys(settings, fresh)) {
        if (!key.starts_with("publish.") && key != "limits.channels")
            restart += (restart.empty() ? "" : ",") + key;
    }
    live->take(fresh);
    if (jobs) jobs->take(fresh);
    http->reload_tls();
    // What needs a restart stays as it is, so that it is told again next time.
    settings.publish = fresh.publish;
    settings.limits.channels = fresh.limits.channels;
    settings.channels = fresh.channels;
    settings.templates = fresh.templates;
    if (!restart.empty()) log::warn("config_needs_restart keys={}", restart);
    log::info("config_reloaded channels={}", live->channels().channels().size());
}

/// Jobs first, which may take a while; then streams, viewers, and the threads.
void Service::Impl::stop(int signal) {
    const bool again = stopping.exchange(true);
    log::info("stopping signal={} again={}", signal, again);
    if (!again && jobs)
        log::info("draining grace_s={} note=\"another signal hands back at once what runs\"",
                  settings.drain.jobs.count());
    if (again) {
        end_live();
        return;
    }
    const auto end = [this] {
        live->drain();
        wait_for_live(clock.now() + settings.drain.live);
    };
    if (jobs)
        jobs->drain(settings.drain.jobs, end);
    else
        end();
    wait_for_signal();
}

/// Channels on air go on until the limit.
void Service::Impl::wait_for_live(Clock::Monotonic until) {
    const auto channels = live->channels().channels();
    const bool on = std::ranges::any_of(
        channels, [](const auto& channel) { return !channel->view()->ended(); });
    if (!on || clock.now() >= until) {
        end_live();
        return;
    }
    live_limit.emplace(threads.first(), kLivePoll);
    live_limit->async_wait([this, until](const boost::system::error_code& failed) {
        if (!failed) wait_for_live(until);
    });
}

void Service::Impl::end_live() {
    if (std::exchange(ending, true)) return;
    if (live_limit) live_limit->cancel();
    live->end([this] { http->stop(kStopGrace, [this] { threads.stop(); }); });
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

const JobService* Service::jobs() const {
    return impl_->jobs.get();
}

Status Service::run(const std::function<Result<ServeSettings>()>& reload) {
    auto& impl = *impl_;
    impl.reload = reload;
    impl.signals.emplace(impl.threads.first(), SIGINT, SIGTERM, SIGHUP);
    impl.wait_for_signal();
    impl.live->begin([jobs = impl.jobs.get()](live::Channel& channel) {
        if (jobs) jobs->observe(channel);
    });
    if (impl.jobs) SG_TRY(impl.jobs->begin());
    impl.threads.run();
    impl.live->stop();
    return {};
}

}  // namespace sg::apps
