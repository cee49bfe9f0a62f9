#include "job_service.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include <unistd.h>

#include <api/api_keys.hpp>
#include <api/audit_log.hpp>
#include <api/audit_routes.hpp>
#include <api/channel_routes.hpp>
#include <api/clip_routes.hpp>
#include <api/document_routes.hpp>
#include <api/event_routes.hpp>
#include <api/gate.hpp>
#include <api/inquiry.hpp>
#include <api/job_routes.hpp>
#include <api/jwt.hpp>
#include <api/key_routes.hpp>
#include <api/output_routes.hpp>
#include <api/preset_routes.hpp>
#include <api/rate_limit.hpp>
#include <api/secret_box.hpp>
#include <api/uploads.hpp>
#include <api/webhooks.hpp>
#include <api/worker_routes.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <jobs/submission.hpp>
#include <jobs/watch_folder.hpp>
#include <sql/database.hpp>
#include <telemetry/job_metrics.hpp>
#include <telemetry/job_traces.hpp>
#include <telemetry/sandbox_metrics.hpp>

#include <base/file.hpp>
#include <base/log.hpp>
#include <engine/doctor.hpp>

#include "api_channels.hpp"
#include "commands.hpp"
#include "job_options.hpp"
#include "retention.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

std::vector<sql::Migration> all_migrations() {
    std::vector<sql::Migration> all;
    for (auto&& part : {jobs::migrations(),
                        jobs::watch_migrations(),
                        api::ApiKeys::migrations(),
                        api::AuditLog::migrations(),
                        api::upload_migrations(),
                        api::webhook_migrations(),
                        api::ChannelRoutes::migrations()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace

/// What the sandbox of tasks could not apply on this kernel.
std::string sandbox_note(const WorkerSettings& worker,
                         std::optional<telemetry::SandboxMetrics>& shown,
                         Metrics& metrics) {
    engine::DoctorQuestions questions;
    questions.libraries = false;
    const auto findings = engine::examine_machine(questions);
    shown.emplace(findings, metrics);
    if (!worker.sandbox) return "off: worker.sandbox is false";
    std::string missing;
    for (const auto& each : findings) {
        if (!each.name.starts_with("sandbox") || each.state == engine::Finding::State::kGood)
            continue;
        missing += (missing.empty() ? "" : "; ") + each.name + ": " + each.detail;
    }
    return missing.empty() ? "ok" : "degraded: " + missing;
}

/// In the order in which things are made; they go the other way round.
struct JobService::Impl {
    Impl(const ServeSettings& s, ServiceThreads& t, const Clock& c, Metrics& m)
        : settings(s), threads(t), clock(c), metrics(m) {}

    [[nodiscard]] Status open(const Listeners& listeners);
    [[nodiscard]] Status decide(const Listeners& listeners);
    [[nodiscard]] Status open_roots();
    [[nodiscard]] Status open_store();
    [[nodiscard]] Status start_worker();
    [[nodiscard]] Status start_watching();
    [[nodiscard]] Status add_routes(LiveService& live, server::Router& http);
    void add_health(telemetry::Health& health);

    ServeSettings settings;
    ServiceThreads& threads;
    const Clock& clock;
    Metrics& metrics;
    bool authentication = true;
    std::optional<std::filesystem::path> admin_key;
    std::vector<std::filesystem::path> roots;
    std::optional<jobs::AllowedRoots> allowed;
    std::optional<jobs::AllowedRoots> watched_roots;
    std::optional<api::SecretBox> secrets;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<jobs::EventHub> events;
    std::unique_ptr<telemetry::JobMetrics> job_metrics;
    std::optional<telemetry::SandboxMetrics> sandbox_metrics;
    std::unique_ptr<telemetry::JobTraces> traces;
    std::unique_ptr<api::ApiKeys> keys;
    std::unique_ptr<api::AuditLog> audit;
    std::unique_ptr<api::RateLimits> limits;
    std::unique_ptr<api::JwtVerifier> jwt;
    std::unique_ptr<jobs::Submissions> submissions;
    std::unique_ptr<jobs::Submissions> watch_submissions;
    std::unique_ptr<api::Uploads> uploads;
    std::unique_ptr<jobs::Runner> runner;
    std::unique_ptr<jobs::WatchFolders> watch;
    std::unique_ptr<api::Webhooks> webhooks;
    std::unique_ptr<api::ApiRouter> router;
    std::unique_ptr<api::Inquiry> inquiry;
    std::unique_ptr<api::JobRoutes> job_routes;
    std::unique_ptr<api::PresetRoutes> preset_routes;
    std::unique_ptr<api::WorkerControl> workers;
    std::unique_ptr<api::OutputRoutes> output_routes;
    std::unique_ptr<api::ClipRoutes> clip_routes;
    std::unique_ptr<api::EventRoutes> event_routes;
    std::unique_ptr<ApiChannels> channels;
    std::unique_ptr<api::ChannelRoutes> channel_routes;
    std::unique_ptr<Retention> retention;
    std::atomic<std::size_t> live_encoders = 0;
};

Status JobService::Impl::decide(const Listeners& listeners) {
    std::vector<std::string> addresses;
    for (const auto& at : {listeners.http, listeners.https}) {
        if (at) addresses.push_back(at->address);
    }
    const auto& api = settings.api;
    auto mode = authentication_mode(api.authentication);
    if (mode == api::AuthenticationMode::kAuto && api.anyone) mode = api::AuthenticationMode::kOff;
    const auto decided =
        api::decide_authentication(mode, addresses, !api.jwt.issuer.empty(), api.anyone);
    if (!decided)
        return Error{decided.error().code,
                     decided.error().message + " (api.authentication, api.anyone)"};
    authentication = *decided;
    return {};
}

/// Whoever has an account on this machine may name files below the folder that it was started in.
/// With authentication, clients are others: then only what is configured.
Status JobService::Impl::open_roots() {
    roots = settings.jobs.roots;
    std::error_code failed;
    const auto here = std::filesystem::current_path(failed);
    if (roots.empty() && !authentication && !failed && here != here.root_path())
        roots.push_back(here);
    for (auto& root : roots) root = std::filesystem::absolute(root, failed).lexically_normal();
    // Uploads, outputs and recordings of all owners lie there.
    const auto closed = authentication ? settings.data : std::filesystem::path();
    auto opened = jobs::AllowedRoots::open(roots, closed);
    if (!opened) return opened.error().within("jobs.roots");
    allowed.emplace(std::move(*opened));
    // Whoever sends a job may not name what lies in a watched folder, but its own jobs may.
    auto more = roots;
    for (auto& rule : settings.watch) {
        rule.folder = std::filesystem::absolute(rule.folder, failed).lexically_normal();
        SG_TRY(make_folders(rule.folder));
        more.push_back(rule.folder);
    }
    auto watched = jobs::AllowedRoots::open(more, closed);
    if (!watched) return watched.error().within("watch");
    watched_roots.emplace(std::move(*watched));
    return {};
}

Status JobService::Impl::open_store() {
    SG_TRY_ASSIGN(auto box, api::SecretBox::open(settings.data / "secret.key"));
    secrets.emplace(std::move(box));
    sql::DatabaseOptions options;
    options.path = settings.data / "streamgate.db";
    options.migrations = all_migrations();
    SG_TRY_ASSIGN(database, sql::Database::open(std::move(options), metrics));
    events = std::make_unique<jobs::EventHub>(*database, clock);
    job_metrics =
        std::make_unique<telemetry::JobMetrics>(*database, *events, clock, metrics, settings.data);
    if (!settings.telemetry.otlp_endpoint.empty()) {
        SG_TRY_ASSIGN(auto wanted, trace_options(settings.telemetry));
        SG_TRY_ASSIGN(traces,
                      telemetry::JobTraces::start(std::move(wanted), *database, *events, metrics));
    }
    SG_TRY_ASSIGN(keys, api::ApiKeys::open(*database, clock));
    if (authentication) {
        SG_TRY_ASSIGN(admin_key, keys->bootstrap(settings.data));
    }
    SG_TRY_ASSIGN(audit, api::AuditLog::open(*database, settings.data, clock));
    limits = std::make_unique<api::RateLimits>(rate_limits(settings.api), clock);
    if (!settings.api.jwt.issuer.empty()) {
        SG_TRY_ASSIGN(
            jwt,
            api::JwtVerifier::start(jwt_options(settings.api.jwt), clock, api::fetch_by_http()));
    }
    SG_TRY_ASSIGN(uploads, api::Uploads::open(*database, upload_options(settings), clock, metrics));
    submissions = std::make_unique<jobs::Submissions>(
        submission_policy(settings), *allowed, &api::Uploads::is_whole, clock);
    watch_submissions = std::make_unique<jobs::Submissions>(
        submission_policy(settings), *watched_roots, &api::Uploads::is_whole, clock);
    return {};
}

Status JobService::Impl::start_worker() {
    auto options = runner_options(settings);
    options.roots = roots;
    for (const auto& rule : settings.watch) options.roots.push_back(rule.folder);
    if (authentication) options.closed = settings.data;
    options.upload = [files = uploads.get()](const std::string& upload, const std::string& owner) {
        return files->file_of(upload, owner);
    };
    SG_TRY_ASSIGN(runner,
                  jobs::Runner::start(std::move(options), *database, *events, clock, metrics));
    return {};
}

Status JobService::Impl::start_watching() {
    if (settings.watch.empty()) return {};
    auto options = watch_options(settings.watch);
    options.submit = [this](sql::Connection& db,
                            const jobs::WatchRule& rule,
                            const std::filesystem::path& file) -> Result<std::string> {
        std::vector<engine::JobFault> faults;
        const auto job = watch_submissions->prepare(
            db, watched_document(rule, file), engine::JobSyntax::kJson, {rule.owner, {}}, faults);
        if (!job) {
            const auto& fault = faults.front();
            // A wrong rule, or a folder that was exchanged for another, is not the file's fault.
            std::error_code failed;
            const bool there = std::filesystem::is_regular_file(file, failed);
            return Error{there ? Errc::kAgain : Errc::kInvalidArgument,
                         fmt::format("{}: {}", fault.pointer, fault.message)};
        }
        SG_TRY(watch_submissions->accept(db, *job));
        return job->id;
    };
    SG_TRY_ASSIGN(
        watch, jobs::WatchFolders::start(std::move(options), *database, *events, clock, metrics));
    return {};
}

Status JobService::Impl::add_routes(LiveService& live, server::Router& http) {
    auto gate = std::make_shared<api::ApiRouter::Gate>(
        api::ApiRouter::Gate{metrics, clock, authentication});
    gate->keys = keys.get();
    gate->jwt = jwt.get();
    gate->open_to_all = settings.api.anyone;
    gate->limits = limits.get();
    gate->audit = audit.get();
    gate->allowed_origins = settings.api.allowed_origins;
    router = std::make_unique<api::ApiRouter>(gate);
    const auto heavy_slots = static_cast<int>(runner->status().heavy_slots);
    api::InquiryOptions questions;
    questions.temporary = settings.data / "probes";
    questions.allow_private_addresses = submission_policy(settings).allow_private_addresses;
    questions.heavy_slots = heavy_slots;
    questions.upload = [files = uploads.get()](const std::string& upload,
                                               const std::string& owner) {
        return files->file_of(upload, owner);
    };
    inquiry =
        std::make_unique<api::Inquiry>(*database, *submissions, *allowed, std::move(questions));
    inquiry->add_to(*router);
    api::JobRoutesOptions job_options;
    job_options.inquiry = inquiry.get();
    job_options.heavy_slots = heavy_slots;
    job_routes = std::make_unique<api::JobRoutes>(*database, *submissions, clock, job_options);
    job_routes->add_to(*router);
    preset_routes = std::make_unique<api::PresetRoutes>(*database, clock);
    preset_routes->add_to(*router);
    workers = std::make_unique<api::RunnerControl>(*runner);
    api::add_worker_routes(*router, *workers);
    uploads->add_to(*router);
    api::OutputRoutesOptions outputs;
    outputs.data = settings.data;
    outputs.signature_keys = {secrets->derive("signed output addresses")};
    outputs.allowed_origins = settings.playback.allowed_origins;
    output_routes = std::make_unique<api::OutputRoutes>(*database, outputs, clock);
    output_routes->add_to(*router);
    clip_routes = std::make_unique<api::ClipRoutes>(outputs, clock);
    clip_routes->add_to(*router);
    api::EventRoutesOptions streams;
    streams.contexts = threads.contexts().size();
    streams.allowed_origins = settings.api.allowed_origins;
    streams.still_allowed = [gate](const server::Request& request) {
        return api::still_authentic(request, *gate);
    };
    event_routes = std::make_unique<api::EventRoutes>(*database, *events, streams, metrics);
    event_routes->add_to(*router);
    api::WebhookOptions hooks;
    hooks.allow_private_addresses = settings.webhooks.allow_private_addresses;
    SG_TRY_ASSIGN(webhooks,
                  api::Webhooks::start(*database, *events, *secrets, hooks, clock, metrics));
    webhooks->add_to(*router);
    channels = std::make_unique<ApiChannels>(settings, live, *allowed);
    channel_routes = std::make_unique<api::ChannelRoutes>(
        *database, *secrets, live.channels(), *channels, clock, api::ChannelRoutesOptions{});
    channel_routes->add_to(*router);
    api::add_key_routes(*router, *keys, *database, clock);
    api::add_audit_routes(*router, *audit);
    api::add_problem_routes(*router);
    api::add_document_routes(*router, product_version());
    router->mount(http);
    return {};
}

void JobService::Impl::add_health(telemetry::Health& health) {
    health.add("store", [this] {
        constexpr std::size_t kManyWaiting = 10'000;
        const auto waiting = database->waiting();
        return waiting > kManyWaiting ? fmt::format("{} writes wait", waiting) : std::string();
    });
    health.add("worker", [this] {
        const auto status = runner->status();
        return status.draining ? fmt::format("{} drains", status.name) : std::string();
    });
    health.note("sandbox", sandbox_note(settings.worker, sandbox_metrics, metrics));
    if (jwt) health.add("tokens", [this] { return jwt->trouble(); });
    // Other jobs go on without a watched folder.
    if (watch)
        health.note("watch", [this] {
            const auto problems = watch->problems();
            return problems.empty() ? "ok" : "degraded: " + problems;
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
    std::error_code failed;
    impl->settings.data = std::filesystem::absolute(settings.data, failed);
    SG_TRY(impl->decide(listeners));
    SG_TRY(impl->open_roots());
    SG_TRY(impl->open_store());
    SG_TRY(impl->start_worker());
    SG_TRY(impl->add_routes(live, router));
    SG_TRY(impl->start_watching());
    impl->add_health(health);
    return std::unique_ptr<JobService>(new JobService(std::move(impl)));
}

JobService::JobService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JobService::~JobService() {
    // Writes that still wait use what goes now.
    if (impl_ && impl_->database) static_cast<void>(impl_->database->write_now({}));
}

Status JobService::begin() {
    auto& impl = *impl_;
    SG_TRY(impl.channel_routes->restore());
    impl.retention = std::make_unique<Retention>(
        impl.settings.jobs.keep, impl.settings.data, *impl.database, impl.clock);
    return {};
}

void JobService::observe(live::Channel& channel) {
    impl_->channel_routes->observe(channel);
    if (channel.settings().preset == "passthrough") return;
    impl_->runner->set_live_encoders(++impl_->live_encoders);
    channel.when_ended(
        [impl = impl_.get()] { impl->runner->set_live_encoders(--impl->live_encoders); });
}

void JobService::take(const ServeSettings& fresh) {
    impl_->channels->configure(fresh.channels);
}

void JobService::drain(std::chrono::milliseconds grace, std::function<void()> drained) {
    auto& impl = *impl_;
    if (impl.watch) impl.watch->stop();
    impl.inquiry->stop();
    impl.runner->stop(grace, [&first = impl.threads.first(), drained = std::move(drained)] {
        asio::post(first, drained);
    });
}

bool JobService::authenticates() const {
    return impl_->authentication;
}

const std::optional<std::filesystem::path>& JobService::new_admin_key() const {
    return impl_->admin_key;
}

const std::vector<std::filesystem::path>& JobService::roots() const {
    return impl_->roots;
}

}  // namespace sg::apps
