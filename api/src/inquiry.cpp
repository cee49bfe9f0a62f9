#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include <fcntl.h>

#include <api/inquiry.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>
#include <jobs/fetch.hpp>

#include <base/file.hpp>
#include <engine/job.hpp>
#include <engine/job_preset.hpp>
#include <engine/job_run.hpp>
#include <engine/planner.hpp>
#include <engine/probe.hpp>
#include <presets/loader.hpp>

#include "field_reader.hpp"
#include "job_routes_impl.hpp"
#include "json_writer.hpp"
#include "offload.hpp"

namespace sg::api {
namespace {

constexpr std::string_view kUpload = "upload:";

/// Asks to stop when the time is up, or the service ends.
class Limit {
  public:
    Limit(std::chrono::seconds limit, std::stop_token service)
        : service_(std::move(service), [this] { source_.request_stop(); }),
          thread_([this, limit](const std::stop_token& own) {
              std::unique_lock lock(mutex_);
              const bool ended = changed_.wait_for(lock, own, limit, [] { return false; });
              if (ended || own.stop_requested()) return;
              passed_ = true;
              source_.request_stop();
          }) {}
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    [[nodiscard]] bool passed() const { return passed_; }

  private:
    std::stop_source source_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::atomic<bool> passed_{false};
    std::stop_callback<std::function<void()>> service_;
    std::jthread thread_;
};

/// A fetched source, removed when it goes.
class Fetched {
  public:
    explicit Fetched(std::filesystem::path path) : path_(std::move(path)) {}
    Fetched(const Fetched&) = delete;
    Fetched& operator=(const Fetched&) = delete;
    ~Fetched() {
        std::error_code ignored;
        for (const char* const ending : {"", ".part", ".part.tag"})
            std::filesystem::remove(path_.string() + ending, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

struct Predicted {
    double cpu_s = 0;
    double wall_s = 0;
    double low_s = 0;
    double high_s = 0;
    bool measured = true;  ///< from speeds of earlier jobs like it, not from the plan alone
    double media_s = 0;
    std::int64_t bytes = 0;
};

Predicted predict(const pipeline::Plan& plan,
                  int slots,
                  const std::optional<jobs::SpeedEstimate>& seen) {
    // What is not known of a source's pictures moves the cost of encoding them by about so much.
    constexpr double kLow = 0.6;
    constexpr double kHigh = 1.7;
    constexpr double kNano = 1e-9;
    const auto cost = engine::estimate(plan, slots);
    Predicted out;
    out.cpu_s = cost.cpu_seconds;
    out.bytes = cost.bytes;
    out.media_s = static_cast<double>(plan.duration_ns) * kNano;
    out.measured = seen && seen->low > 0;
    if (!out.measured) {
        out.wall_s = cost.wall_seconds;
        out.low_s = out.wall_s * kLow;
        out.high_s = out.wall_s * kHigh;
        return out;
    }
    // A speed is that of one chunk in one slot; sound is made beside them.
    const auto chunks = static_cast<int>(std::max<std::size_t>(plan.video.chunks.size(), 1));
    const auto at_once = std::max(std::min(slots, chunks), 1);
    const auto seconds = [&](double speed) {
        return std::max(out.media_s / speed / at_once, cost.audio_cpu_seconds);
    };
    out.wall_s = seconds(seen->median);
    out.low_s = seconds(seen->high);
    out.high_s = seconds(seen->low);
    return out;
}

void write_prediction(JsonWriter& out, const Predicted& predicted) {
    out.begin_object()
        .member("cpu_seconds", predicted.cpu_s)
        .member("seconds", predicted.wall_s)
        .member("seconds_low", predicted.low_s)
        .member("seconds_high", predicted.high_s)
        .member("measured", predicted.measured)
        .member("media_seconds", predicted.media_s)
        .member("bytes", predicted.bytes)
        .end_object();
}

void write_error(JsonWriter& out, const Error& error) {
    const auto shown = problem_of(error);
    out.begin_object().member("code", shown.code).member("detail", shown.detail).end_object();
}

}  // namespace

struct Inquiry::Impl {
    Impl(sql::Database& d,
         const jobs::Submissions& s,
         const jobs::AllowedRoots& r,
         InquiryOptions o)
        : database(d), submissions(s), roots(r), options(std::move(o)), pool(options.at_once) {}
    ~Impl() {
        stopping.request_stop();
        pool.join();
    }

    sql::Database& database;
    const jobs::Submissions& submissions;
    const jobs::AllowedRoots& roots;
    const InquiryOptions options;
    boost::asio::thread_pool pool;
    std::atomic<std::size_t> waiting{0};
    std::atomic<std::uint64_t> fetches{0};
    std::stop_source stopping;

    using Answer = std::variant<std::string, Problem>;

    [[nodiscard]] Result<UniqueFd> open(const std::string& uri,
                                        const std::string& owner,
                                        const Limit& limit,
                                        std::unique_ptr<Fetched>& fetched);
    [[nodiscard]] Answer probe(const std::string& uri, const std::string& owner, bool full);
    [[nodiscard]] Answer plan(const jobs::Job& job);
    /// Speeds of earlier jobs like it.
    [[nodiscard]] std::optional<jobs::SpeedEstimate> history(const pipeline::Plan& plan);
    [[nodiscard]] server::Task<Reply> probe_route(Call& call);

    /// On a thread of the pool, unless too many wait.
    template <class F>
    [[nodiscard]] server::Task<Reply> run(Call& call, F work) {
        if (waiting.fetch_add(1) >= options.most_waiting) {
            waiting.fetch_sub(1);
            auto refused =
                problem("unavailable", "too many sources are being looked at; try again");
            refused.retry_after = std::chrono::seconds(5);
            co_return refused;
        }
        auto counted = [this, work = std::move(work)]() mutable -> Answer {
            Answer answer = stopping.stop_requested()
                                ? Answer(problem("unavailable", "the service is stopping"))
                                : work();
            waiting.fetch_sub(1);
            return answer;
        };
        auto answer = co_await offload(call.exchange, pool, std::move(counted));
        if (auto* refused = std::get_if<Problem>(&answer)) co_return std::move(*refused);
        co_return json_response(200, std::move(std::get<std::string>(answer)));
    }
};

Result<UniqueFd> Inquiry::Impl::open(const std::string& uri,
                                     const std::string& owner,
                                     const Limit& limit,
                                     std::unique_ptr<Fetched>& fetched) {
    if (uri.starts_with('/')) return roots.open_input(uri);
    if (uri.starts_with(kUpload)) {
        if (!options.upload) return Error{Errc::kNotFound, "this service takes no uploads"};
        SG_TRY_ASSIGN(const auto file, options.upload(uri.substr(kUpload.size()), owner));
        if (!file) return Error{Errc::kMismatch, fmt::format("{} is not whole yet", uri)};
        return open_file(*file, O_RDONLY);
    }
    jobs::FetchOptions how;
    how.max_bytes = options.max_fetch_bytes;
    how.allow_private_addresses = options.allow_private_addresses;
    how.attempts = 1;
    SG_TRY(make_folders(options.temporary));
    fetched = std::make_unique<Fetched>(options.temporary / fmt::format("{}", ++fetches));
    SG_TRY(jobs::fetch(uri, fetched->path(), how, limit.token()));
    return open_file(fetched->path(), O_RDONLY);
}

Inquiry::Impl::Answer Inquiry::Impl::probe(const std::string& uri,
                                           const std::string& owner,
                                           bool full) {
    const Limit limit(options.limit, stopping.get_token());
    std::unique_ptr<Fetched> fetched;
    auto source = open(uri, owner, limit, fetched);
    engine::ProbeRequest request;
    request.name = uri;
    request.full = full;
    request.stall = options.limit;
    request.program = options.program;
    if (source) request.fd = std::move(*source);
    const auto report = source ? engine::probe_in_task(std::move(request), limit.token())
                               : Result<engine::ProbeReport>(source.error());
    if (!report) {
        if (limit.passed()) {
            return problem("timeout",
                           fmt::format("looking at {} took longer than {} s; submit it as a job",
                                       uri,
                                       options.limit.count()));
        }
        return problem_of(report.error());
    }
    JsonWriter out(report->facts.size() + report->index.size() + 256);
    out.begin_object().member("uri", uri).key("facts").raw(report->facts);
    out.key("index").raw(report->index).end_object();
    return out.take();
}

std::optional<jobs::SpeedEstimate> Inquiry::Impl::history(const pipeline::Plan& plan) {
    const auto cost = engine::cost_of(plan);
    if (cost.codec.empty()) return std::nullopt;
    auto db = database.read();
    if (!db) return std::nullopt;
    return jobs::expected_speed(**db, {cost.codec, cost.speed_preset, cost.height, 0})
        .value_or(std::nullopt);
}

Inquiry::Impl::Answer Inquiry::Impl::plan(const jobs::Job& job) {
    const Limit limit(options.limit, stopping.get_token());
    const auto document = engine::parse_job(job.document, job.id);
    if (!document) return problem_of(document.error());
    Predicted all;
    bool possible = true;
    JsonWriter out(4096);
    out.begin_object().member("dry_run", true).key("document").raw(job.document);
    out.key("inputs").begin_array();
    for (const auto& input : document->inputs) {
        out.begin_object().member("uri", input.uri);
        std::unique_ptr<Fetched> fetched;
        auto source = open(input.uri, job.owner, limit, fetched);
        const auto preset = engine::preset_of(*document, input);
        auto report = Result<engine::ProbeReport>(engine::ProbeReport{});
        if (!source) {
            report = source.error();
        } else if (!preset) {
            report = preset.error();
        } else {
            engine::ProbeRequest request;
            request.fd = std::move(*source);
            request.name = input.uri;
            request.preset = presets::canonical_json(*preset);
            request.stall = options.limit;
            request.program = options.program;
            report = engine::probe_in_task(std::move(request), limit.token());
        }
        if (limit.passed()) {
            return problem("timeout",
                           fmt::format("planning took longer than {} s; submit the job without "
                                       "dryRun",
                                       options.limit.count()));
        }
        out.key("facts").raw(report ? report->facts : std::string());
        out.key("plan").raw(report ? report->plan : std::string());
        const Error* failed = !report               ? &report.error()
                              : report->plan_failed ? &*report->plan_failed
                                                    : nullptr;
        out.key("problem");
        if (failed != nullptr) {
            possible = false;
            all.measured = false;
            write_error(out, *failed);
        } else {
            out.null();
        }
        out.key("prediction");
        const auto plan = failed == nullptr ? pipeline::Plan::from_json(report->plan)
                                            : Result<pipeline::Plan>(Error{});
        if (plan) {
            const auto one = predict(*plan, options.heavy_slots, history(*plan));
            write_prediction(out, one);
            all.cpu_s += one.cpu_s;
            all.wall_s += one.wall_s;
            all.low_s += one.low_s;
            all.high_s += one.high_s;
            all.measured = all.measured && one.measured;
            all.media_s += one.media_s;
            all.bytes += one.bytes;
        } else {
            out.null();
        }
        out.end_object();
    }
    out.end_array().member("possible", possible).key("prediction");
    write_prediction(out, all);
    double waiting_s = 0;
    if (auto db = database.read(); db) {
        if (const auto totals = jobs::queue_totals(**db); totals) waiting_s = totals->waiting_s;
    }
    out.member("queue_seconds", waiting_s / std::max(options.heavy_slots, 1)).end_object();
    return out.take();
}

server::Task<Reply> Inquiry::Impl::probe_route(Call& call) {
    constexpr std::size_t kLongest = 4096;
    const auto parsed = read_object(call.request().body);
    if (const auto* refused = std::get_if<Problem>(&parsed)) co_return *refused;
    const auto& body = std::get<nlohmann::json>(parsed);
    FieldReader fields(body, {"uri", "full"});
    const auto uri = fields.text("uri", kLongest);
    const auto full = fields.flag("full").value_or(false);
    if (!body.contains("uri"))
        fields.fault("missing_field", "uri", "which file is it? a path, an address or upload:ID");
    if (auto refused = fields.refused()) co_return std::move(*refused);
    auto work = [this, uri = *uri, owner = call.principal.owner, full]() -> Answer {
        std::vector<engine::JobFault> faults;
        bool at_hand = false;
        {
            auto db = database.read();
            if (!db) return problem_of(db.error());
            at_hand = submissions.check_input(**db, uri, "/uri", owner, faults);
        }
        if (!faults.empty()) return document_problem(faults);
        if (!at_hand) return problem("conflict", "the upload is not whole yet", "/uri");
        return probe(uri, owner, full);
    };
    auto reply = co_await run(call, std::move(work));
    co_return reply;
}

Inquiry::Inquiry(sql::Database& database,
                 const jobs::Submissions& submissions,
                 const jobs::AllowedRoots& roots,
                 InquiryOptions options)
    : impl_(std::make_unique<Impl>(database, submissions, roots, std::move(options))) {
    std::error_code ignored;
    std::filesystem::remove_all(impl_->options.temporary, ignored);
}

Inquiry::~Inquiry() = default;

void Inquiry::stop() {
    impl_->stopping.request_stop();
}

server::Task<Reply> Inquiry::dry_run(Call& call, jobs::Job job) {
    auto* impl = impl_.get();
    auto work = [impl, job = std::move(job)] { return impl->plan(job); };
    return impl->run(call, std::move(work));
}

void Inquiry::add_to(ApiRouter& router) {
    Operation probe;
    probe.method = server::Method::kPost;
    probe.pattern = "/v1/probe";
    probe.id = "probe";
    probe.tag = "probe";
    probe.summary = "Says what a source is: streams, lengths, rates";
    probe.least = Role::kSubmitter;
    probe.max_body_bytes = std::size_t{16} << 10U;
    probe.request_schema = "ProbeRequest";
    probe.response_schema = "ProbeReport";
    probe.handler = [impl = impl_.get()](Call& call) { return impl->probe_route(call); };
    router.add(std::move(probe));
}

}  // namespace sg::api
