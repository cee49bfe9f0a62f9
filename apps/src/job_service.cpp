#include "job_service.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <unistd.h>

#include <api/channel_routes.hpp>
#include <api/event_routes.hpp>
#include <api/gate.hpp>
#include <api/job_routes.hpp>
#include <api/secret_box.hpp>
#include <api/webhooks.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <jobs/submission.hpp>
#include <jobs/watch_folder.hpp>
#include <sql/database.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "channel_document.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

/// What the API's channels need of the configuration and of the live service.
class Channels final : public api::ChannelControl {
  public:
    Channels(const ServeSettings& settings, LiveService& live, const jobs::AllowedRoots& roots)
        : configured_(settings.channels), live_(live), roots_(roots) {}

    [[nodiscard]] api::ChannelDraft read(std::string_view name,
                                         std::string_view document,
                                         std::string_view before) const override {
        return read_channel_document(name, document, before, roots_);
    }
    [[nodiscard]] std::string show(const live::ChannelSettings& settings) const override {
        return channel_as_json(settings);
    }
    [[nodiscard]] std::vector<live::ChannelSettings> configured() const override {
        const std::scoped_lock lock(mutex_);
        return configured_;
    }
    void apply(std::vector<live::ChannelSettings> running,
               std::vector<std::string> stopped) override {
        live_.set_extra({std::move(running), std::move(stopped)});
    }
    void configure(const std::vector<live::ChannelSettings>& channels) {
        const std::scoped_lock lock(mutex_);
        configured_ = channels;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<live::ChannelSettings> configured_;
    LiveService& live_;
    const jobs::AllowedRoots& roots_;
};

std::vector<sql::Migration> all_migrations() {
    std::vector<sql::Migration> all;
    for (auto&& part : {jobs::migrations(),
                        jobs::watch_migrations(),
                        api::webhook_migrations(),
                        api::ChannelRoutes::migrations()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

/// "host-1234"
std::string worker_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) return fmt::format("worker-{}", getpid());
    return fmt::format("{}-{}", host.data(), getpid());
}

}  // namespace

struct JobService::Impl {
    Impl(const ServeSettings& s, ServiceThreads& t, const Clock& c, Metrics& m)
        : settings(s), threads(t), clock(c), metrics(m) {}

    [[nodiscard]] Status open(const Listeners& listeners,
                              LiveService& live,
                              server::Router& router,
                              telemetry::Health& health);
    [[nodiscard]] Status open_roots(bool open_to_local);
    [[nodiscard]] Status decide(const Listeners& listeners);
    void add_health(telemetry::Health& health);

    ServeSettings settings;
    ServiceThreads& threads;
    const Clock& clock;
    Metrics& metrics;
    bool authentication = true;
    std::vector<std::filesystem::path> roots;
    std::optional<jobs::AllowedRoots> allowed;
    std::optional<api::SecretBox> secrets;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<jobs::EventHub> events;
    std::unique_ptr<jobs::Submissions> submissions;
    std::unique_ptr<api::ApiRouter> router;
    std::unique_ptr<api::JobRoutes> job_routes;
    std::unique_ptr<api::EventRoutes> event_routes;
    std::unique_ptr<api::Webhooks> webhooks;
    std::unique_ptr<Channels> channels;
    std::unique_ptr<api::ChannelRoutes> channel_routes;
    std::unique_ptr<jobs::Runner> runner;
    std::unique_ptr<jobs::WatchFolders> watch;
};

Status JobService::Impl::decide(const Listeners& listeners) {
    std::vector<std::string> addresses;
    for (const auto& at : {listeners.http, listeners.https}) {
        if (at) addresses.push_back(at->address);
    }
    const auto& api = settings.api;
    auto mode = static_cast<api::AuthenticationMode>(api.authentication);
    const bool keys = !api.keys.empty();
    if (mode == api::AuthenticationMode::kAuto && keys) mode = api::AuthenticationMode::kOn;
    if (mode == api::AuthenticationMode::kAuto && api.anyone) mode = api::AuthenticationMode::kOff;
    SG_TRY_ASSIGN(authentication,
                  api::decide_authentication(mode, addresses, !api.jwt.issuer.empty(), api.anyone));
    return {};
}

/// Whoever has an account on this machine may name files below the folder that it was started in.
/// With authentication, clients are others: then only what is configured.
Status JobService::Impl::open_roots(bool open_to_local) {
    roots = settings.jobs.roots;
    std::error_code failed;
    const auto here = std::filesystem::current_path(failed);
    if (roots.empty() && open_to_local && !failed && here != here.root_path())
        roots.push_back(here);
    for (auto& root : roots) root = std::filesystem::absolute(root, failed);
    auto opened = jobs::AllowedRoots::open(roots);
    if (!opened) return opened.error().within("jobs.roots");
    allowed.emplace(std::move(*opened));
    return {};
}

Status JobService::Impl::open(const Listeners& listeners,
                              LiveService& live,
                              server::Router& http,
                              telemetry::Health& health) {
    SG_TRY(decide(listeners));
    SG_TRY(open_roots(!authentication));
    std::error_code failed;
    settings.data = std::filesystem::absolute(settings.data, failed);
    SG_TRY_ASSIGN(auto box, api::SecretBox::open(settings.data / "secret.key"));
    secrets.emplace(std::move(box));
    sql::DatabaseOptions options;
    options.path = settings.data / "streamgate.db";
    options.migrations = all_migrations();
    SG_TRY_ASSIGN(database, sql::Database::open(std::move(options), metrics));
    events = std::make_unique<jobs::EventHub>(*database, clock);

    jobs::SubmissionPolicy policy;
    policy.data = settings.data;
    policy.allow_private_addresses = settings.jobs.allow_private_addresses;
    submissions = std::make_unique<jobs::Submissions>(
        policy,
        *allowed,
        [](sql::Connection&, std::string_view, std::string_view upload) -> Result<bool> {
            return Error{Errc::kNotFound, fmt::format("there is no upload {}", upload)};
        },
        clock);

    auto gate = std::make_shared<api::ApiRouter::Gate>(
        api::ApiRouter::Gate{metrics, clock, authentication});
    router = std::make_unique<api::ApiRouter>(std::move(gate));
    job_routes =
        std::make_unique<api::JobRoutes>(*database, *submissions, clock, api::JobRoutesOptions{});
    job_routes->add_to(*router);
    api::EventRoutesOptions streams;
    streams.contexts = threads.contexts().size();
    streams.allowed_origins = settings.api.allowed_origins;
    event_routes = std::make_unique<api::EventRoutes>(*database, *events, streams, metrics);
    event_routes->add_to(*router);
    api::WebhookOptions hooks;
    hooks.allow_private_addresses = settings.webhooks.allow_private_addresses;
    SG_TRY_ASSIGN(webhooks,
                  api::Webhooks::start(*database, *events, *secrets, hooks, clock, metrics));
    webhooks->add_to(*router);
    channels = std::make_unique<Channels>(settings, live, *allowed);
    api::ChannelRoutesOptions channel_options;
    channel_options.data = settings.data;
    channel_routes = std::make_unique<api::ChannelRoutes>(
        *database, *secrets, live.channels(), *channels, clock, channel_options);
    channel_routes->add_to(*router);
    router->mount(http);
    add_health(health);
    return {};
}

void JobService::Impl::add_health(telemetry::Health& health) {
    health.add("worker", [this] {
        return runner && runner->status().draining ? std::string("the worker drains")
                                                   : std::string();
    });
}

Result<std::unique_ptr<JobService>> JobService::open(const ServeSettings& settings,
                                                     const Listeners& listeners,
                                                     ServiceThreads& threads,
                                                     LiveService& live,
                                                     server::Router& router,
                                                     telemetry::Health& health,
                                                     const Clock& clock,
                                                     Metrics& metrics) {
    auto impl = std::make_unique<Impl>(settings, threads, clock, metrics);
    SG_TRY(impl->open(listeners, live, router, health));
    return std::unique_ptr<JobService>(new JobService(std::move(impl)));
}

JobService::JobService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JobService::~JobService() = default;

Status JobService::begin() {
    auto& impl = *impl_;
    const auto& jobs = impl.settings.jobs;
    SG_TRY(impl.channel_routes->restore());
    jobs::RunnerOptions options;
    options.worker = worker_name();
    options.data = impl.settings.data;
    options.roots = impl.roots;
    options.heavy_slots = jobs.slots;
    options.light_slots = jobs.light_slots;
    options.fetches = jobs.fetches;
    options.jobs_per_owner = jobs.per_owner;
    options.attempts = static_cast<int>(jobs.attempts);
    options.task_memory_bytes = jobs.task_memory_bytes;
    options.stall = jobs.stall;
    options.allow_private_addresses = jobs.allow_private_addresses;
    SG_TRY_ASSIGN(impl.runner,
                  jobs::Runner::start(
                      std::move(options), *impl.database, *impl.events, impl.clock, impl.metrics));
    return {};
}

void JobService::observe(live::Channel& channel) {
    impl_->channel_routes->observe(channel);
}

void JobService::take(const ServeSettings& fresh) {
    impl_->channels->configure(fresh.channels);
}

void JobService::drain(std::chrono::milliseconds grace, std::function<void()> drained) {
    auto& first = impl_->threads.first();
    const auto tell = [&first, drained = std::move(drained)] { asio::post(first, drained); };
    if (impl_->runner)
        impl_->runner->stop(grace, tell);
    else
        tell();
}

bool JobService::authenticates() const {
    return impl_->authentication;
}

const std::vector<std::filesystem::path>& JobService::roots() const {
    return impl_->roots;
}

}  // namespace sg::apps
