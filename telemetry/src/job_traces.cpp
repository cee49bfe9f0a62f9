#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>

#include <jobs/job_table.hpp>
#include <telemetry/job_traces.hpp>

#include <base/log.hpp>
#include <protocols/http_client.hpp>

#include "job_spans.hpp"
#include "otlp.hpp"

namespace sg::telemetry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxWaiting = 10'000;  // jobs
constexpr std::size_t kJobsAtOnce = 50;      // read together
constexpr std::size_t kSpansARequest = 1'000;
constexpr std::size_t kMaxEvents = 20'000;  // of a job; more are left out
constexpr std::int64_t kEventsAPage = 1'000;
constexpr int kAttempts = 5;
constexpr milliseconds kFirstWait{500};
constexpr milliseconds kLongestWait{30'000};
constexpr std::chrono::seconds kLastWords{3};

Result<std::string> address_of(const std::string& endpoint) {
    const auto scheme = endpoint.find("://");
    if ((!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) ||
        scheme + 3 == endpoint.size()) {
        return Error{Errc::kInvalidArgument,
                     "traces: the endpoint is no http:// or https:// address; an example is "
                     "http://localhost:4318"};
    }
    const auto path = endpoint.find('/', scheme + 3);
    if (path == std::string::npos) return endpoint + "/v1/traces";
    return path + 1 == endpoint.size() ? endpoint + "v1/traces" : endpoint;
}

/// Those that OTLP says to try again (OTLP 1.5, "Failures").
bool may_help_later(int status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

std::optional<milliseconds> retry_after(const protocols::HttpHead& head) {
    const auto* value = protocols::find_header(head.headers, "retry-after");
    int seconds = 0;
    if (value == nullptr ||
        std::from_chars(value->data(), value->data() + value->size(), seconds).ec != std::errc() ||
        seconds < 0) {
        return std::nullopt;
    }
    return std::min<milliseconds>(kLongestWait, std::chrono::seconds(std::min(seconds, 3'600)));
}

struct Ended {
    std::string job;
    std::int64_t event = 0;  ///< that told it
};

}  // namespace

struct JobTraces::Impl {
    Impl(TraceOptions given, std::string address, sql::Database& db, Metrics& metrics)
        : options(std::move(given)), url(std::move(address)), database(db) {
        const auto counter = [&](const char* result) {
            return metrics.counter("streamgate_traces_total",
                                   "Traces of jobs by what became of them.",
                                   {{"result", result}});
        };
        sent = counter("sent");
        dropped = counter("dropped");
        for (const auto& [key, value] : {std::pair("service.name", &options.service),
                                         std::pair("service.version", &options.version),
                                         std::pair("service.instance.id", &options.instance)}) {
            if (!value->empty()) resource.emplace_back(key, *value);
        }
    }

    void on_events(const jobs::EventHub::Batch& batch);
    void run(const std::stop_token& stop);
    Status collect(const Ended& ended, std::vector<Span>& spans);
    bool send(std::span<const Span> spans, const std::stop_token& stop);

    TraceOptions options;
    std::string url;
    Attributes resource;
    sql::Database& database;
    protocols::HttpClient client{{.connect = milliseconds(5'000),
                                  .silence = milliseconds(10'000),
                                  .total = milliseconds(10'000),
                                  .redirects = 0}};
    Counter sent;
    Counter dropped;
    std::mt19937 chance{std::random_device{}()};
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<Ended> waiting;
    bool finish = false;
    bool finished = false;
    jobs::EventHub::Subscription subscription;
    std::jthread thread;
};

void JobTraces::Impl::on_events(const jobs::EventHub::Batch& batch) {
    for (const auto& event : batch) {
        if (event->type != "job.succeeded" && event->type != "job.failed" &&
            event->type != "job.cancelled") {
            continue;
        }
        const std::lock_guard lock(mutex);
        if (waiting.size() >= kMaxWaiting) {
            dropped.add();
            continue;
        }
        waiting.push_back({event->subject, event->seq});
        changed.notify_all();
    }
}

void JobTraces::Impl::run(const std::stop_token& stop) {
    for (;;) {
        std::vector<Ended> batch;
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, stop, [&] { return !waiting.empty() || finish; });
            if (stop.stop_requested() || waiting.empty()) break;
            const auto count = std::min(kJobsAtOnce, waiting.size());
            for (std::size_t i = 0; i < count; ++i) {
                batch.push_back(std::move(waiting.front()));
                waiting.pop_front();
            }
        }
        std::vector<Span> spans;
        std::size_t traces = 0;
        for (const auto& ended : batch) {
            const auto before = spans.size();
            if (const auto status = collect(ended, spans); !status) {
                dropped.add();
                log::warn("trace_not_made job={} error=\"{}\"", ended.job, status.error().message);
            } else if (spans.size() > before) {
                ++traces;
            }
        }
        bool all = true;
        for (std::size_t first = 0; first < spans.size() && all; first += kSpansARequest) {
            const auto count = std::min(kSpansARequest, spans.size() - first);
            all = send(std::span(spans).subspan(first, count), stop);
        }
        (all ? sent : dropped).add(traces);
    }
    const std::lock_guard lock(mutex);
    finished = true;
    changed.notify_all();
}

Status JobTraces::Impl::collect(const Ended& ended, std::vector<Span>& spans) {
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY_ASSIGN(const auto job, jobs::find_job(*reader, ended.job, {}));
    std::vector<jobs::Event> events;
    std::int64_t after = 0;
    while (events.size() < kMaxEvents) {
        SG_TRY_ASSIGN(auto page, jobs::events_of(*reader, ended.job, after, kEventsAPage));
        if (page.empty()) break;
        after = page.back().seq;
        std::move(page.begin(), page.end(), std::back_inserter(events));
    }
    if (events.empty() || events.back().seq < ended.event) {
        SG_TRY_ASSIGN(auto last, jobs::events_of(*reader, ended.job, ended.event - 1, 1));
        std::move(last.begin(), last.end(), std::back_inserter(events));
    }
    // It may have gone on since, by a retry.
    std::erase_if(events, [&](const auto& event) { return event.seq > ended.event; });
    auto made = job_spans(job, events);
    std::move(made.begin(), made.end(), std::back_inserter(spans));
    return {};
}

bool JobTraces::Impl::send(std::span<const Span> spans, const std::stop_token& stop) {
    protocols::HttpRequest request;
    request.url = url;
    request.max_bytes = 4'096;
    request.body = encode_trace_request(resource, options.version, spans);
    request.headers = options.headers;
    request.headers.emplace_back("Content-Type", "application/x-protobuf");
    std::string why;
    for (int attempt = 1; attempt <= kAttempts; ++attempt) {
        const auto reply = client.exchange(request, stop);
        std::optional<milliseconds> wait;
        if (reply) {
            const int status = reply->head.status;
            if (status >= 200 && status < 300) return true;
            why = "status " + std::to_string(status);
            if (!may_help_later(status)) break;
            wait = retry_after(reply->head);
        } else {
            why = reply.error().message;
            if (reply.error().code == Errc::kInvalidArgument) break;
        }
        if (attempt == kAttempts) break;
        if (!wait) {
            const auto longest = std::min(kLongestWait, kFirstWait * (1 << (attempt - 1)));
            std::uniform_int_distribution<std::int64_t> part(longest.count() / 2, longest.count());
            wait = milliseconds(part(chance));
        }
        std::unique_lock lock(mutex);
        const bool in_haste = finish;
        changed.wait_for(lock, stop, in_haste ? std::min(*wait, kFirstWait) : *wait, [&] {
            return finish && !in_haste;
        });
        if (stop.stop_requested()) break;
    }
    log::warn("traces_dropped spans={} endpoint={} reason=\"{}\"",
              spans.size(),
              protocols::printable_url(url),
              why);
    return false;
}

Result<std::unique_ptr<JobTraces>> JobTraces::start(TraceOptions options,
                                                    sql::Database& database,
                                                    jobs::EventHub& events,
                                                    Metrics& metrics) {
    SG_TRY_ASSIGN(auto url, address_of(options.endpoint));
    auto impl = std::make_unique<Impl>(std::move(options), std::move(url), database, metrics);
    auto* raw = impl.get();
    impl->thread = std::jthread([raw](const std::stop_token& stop) { raw->run(stop); });
    impl->subscription =
        events.subscribe([raw](const jobs::EventHub::Batch& batch) { raw->on_events(batch); });
    return std::unique_ptr<JobTraces>(new JobTraces(std::move(impl)));
}

JobTraces::JobTraces(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

JobTraces::~JobTraces() {
    impl_->subscription = {};
    std::unique_lock lock(impl_->mutex);
    impl_->finish = true;
    impl_->changed.notify_all();
    impl_->changed.wait_for(lock, kLastWords, [&] { return impl_->finished; });
    if (!impl_->finished) log::warn("traces_left jobs={}", impl_->waiting.size());
    lock.unlock();
    impl_->thread.request_stop();
    impl_->thread.join();
}

}  // namespace sg::telemetry
