#include "job_spans.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>

namespace sg::telemetry {
namespace {

using nlohmann::json;

struct Origin {
    std::string trace_id;
    std::string parent_id;
    bool sampled = true;
};

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/// Empty when it is not lower-case hex, or all zero, which means none.
std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        const int high = nibble(hex[i]);
        const int low = nibble(hex[i + 1]);
        if (high < 0 || low < 0) return {};
        bytes += static_cast<char>(high << 4 | low);
    }
    return bytes.find_first_not_of('\0') == std::string::npos ? std::string() : bytes;
}

std::string span_id(const std::string& of) {
    return from_hex(std::string_view(sha256_hex(of)).substr(0, 16));
}

/// "00-<32 hex>-<16 hex>-<2 hex>"; a later version may have more behind.
std::optional<Origin> from_traceparent(std::string_view text) {
    if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        text.starts_with("ff") || (text.size() > 55 && text[55] != '-')) {
        return std::nullopt;
    }
    const auto flags = nibble(text[54]);
    Origin origin{from_hex(text.substr(3, 32)), from_hex(text.substr(36, 16)), (flags & 1) != 0};
    if (origin.trace_id.empty() || origin.parent_id.empty() || flags < 0) return std::nullopt;
    return origin;
}

Origin origin_of(const jobs::Job& job) {
    if (auto origin = from_traceparent(job.traceparent)) return *origin;
    std::string hex = job.id.substr(std::min(job.id.size(), job.id.find('_') + 1));
    std::erase(hex, '-');
    Origin origin;
    if (hex.size() == 32) origin.trace_id = from_hex(hex);
    if (origin.trace_id.empty()) origin.trace_id = from_hex(sha256_hex(job.id).substr(0, 32));
    return origin;
}

std::uint64_t nanoseconds(jobs::Millis time) {
    return time > 0 ? static_cast<std::uint64_t>(time) * 1'000'000 : 0;
}

std::string text_of(const json& data, const char* key) {
    const auto found = data.find(key);
    return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const json& data, const char* key) {
    const auto found = data.find(key);
    return found != data.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

void put(Attributes& attributes, const char* key, std::string value) {
    if (!value.empty()) attributes.emplace_back(key, std::move(value));
}

bool is_end(const jobs::Event& event) {
    return event.type == "job.succeeded" || event.type == "job.failed" ||
           event.type == "job.cancelled";
}

/// "chunk-00003" is a chunk: few names, so that they can be grouped.
std::string kind_of(const std::string& task) {
    return task.substr(0, task.find('-'));
}

class Builder {
  public:
    Builder(const jobs::Job& job, const Origin& origin, std::string seed)
        : job_(job), origin_(origin), seed_(std::move(seed)) {}

    void add(const jobs::Event& event) {
        const auto data = json::parse(event.data, nullptr, false);
        if (!data.is_object()) return;
        if (event.type.starts_with("job.")) {
            if (text_of(data, "state").empty()) return;
            on_state(event, data);
        } else if (event.type.starts_with("task.")) {
            on_task(event, data);
        }
    }

    std::vector<Span> finish(std::uint64_t start, const jobs::Event& last) {
        const auto end = json::parse(last.data, nullptr, false);
        auto root = span(seed_, "job", start);
        root.parent_id = origin_.parent_id;
        root.kind = SpanKind::kConsumer;
        root.end_ns = std::max(start, nanoseconds(last.time));
        put(root.attributes, "streamgate.job.id", job_.id);
        put(root.attributes, "streamgate.job.owner", job_.owner);
        put(root.attributes, "streamgate.job.preset", job_.preset);
        put(root.attributes, "streamgate.job.external_id", job_.external_id);
        put(root.attributes, "streamgate.job.priority", jobs::name_of(job_.priority));
        put(root.attributes, "streamgate.job.state", text_of(end, "state"));
        put(root.attributes, "streamgate.job.reason", text_of(end, "reason"));
        root.attributes.emplace_back("streamgate.job.attempts", number_of(end, "attempt"));
        if (last.type == "job.failed") {
            root.status = SpanStatus::kError;
            root.status_message = text_of(end, "message");
            put(root.attributes, "error.type", text_of(end, "reason"));
        } else if (last.type == "job.succeeded") {
            root.status = SpanStatus::kOk;
        }
        spans_.insert(spans_.begin(), std::move(root));
        return std::move(spans_);
    }

  private:
    [[nodiscard]] Span span(const std::string& seed, std::string name, std::uint64_t start) const {
        Span made;
        made.trace_id = origin_.trace_id;
        made.span_id = span_id(seed);
        made.parent_id = span_id(seed_);
        made.name = std::move(name);
        made.start_ns = start;
        return made;
    }

    void close(Span made, std::uint64_t end) {
        made.end_ns = std::max(made.start_ns, end);
        spans_.push_back(std::move(made));
    }

    void on_state(const jobs::Event& event, const json& data) {
        const auto time = nanoseconds(event.time);
        const auto state = text_of(data, "state");
        if (state_) close(std::move(*state_), time);
        state_.reset();
        // Between attempts no task runs: those without an end were lost with their worker.
        if (is_end(event) || state == "queued") {
            for (auto& [key, task] : tasks_) {
                task.status = SpanStatus::kError;
                task.status_message = text_of(data, "reason");
                close(std::move(task), time);
            }
            tasks_.clear();
        }
        if (is_end(event)) return;
        state_ = span(fmt::format("{} state {}", seed_, event.seq), state, time);
        put(state_->attributes, "streamgate.reason", text_of(data, "reason"));
        put(state_->attributes, "streamgate.worker", text_of(data, "worker"));
        state_->attributes.emplace_back("streamgate.attempt", number_of(data, "attempt"));
    }

    void on_task(const jobs::Event& event, const json& data) {
        const auto time = nanoseconds(event.time);
        const auto name = text_of(data, "task");
        const auto input = number_of(data, "input");
        const auto key = std::pair{input, name};
        if (event.type == "task.started") {
            auto task = span(fmt::format("{} task {}", seed_, event.seq), kind_of(name), time);
            put(task.attributes, "streamgate.task", name);
            put(task.attributes, "streamgate.worker", text_of(data, "worker"));
            task.attributes.emplace_back("streamgate.input", input);
            task.attributes.emplace_back("streamgate.attempt", number_of(data, "attempt"));
            tasks_.insert_or_assign(key, std::move(task));
            return;
        }
        const auto running = tasks_.find(key);
        if (running == tasks_.end()) return;
        auto task = std::move(running->second);
        tasks_.erase(running);
        const auto speed = data.find("speed");
        if (speed != data.end() && speed->is_number() && speed->get<double>() > 0) {
            task.attributes.emplace_back("streamgate.speed", speed->get<double>());
        }
        if (event.type == "task.failed") {
            task.status = SpanStatus::kError;
            task.status_message = text_of(data, "message");
            put(task.attributes, "error.type", text_of(data, "code"));
        }
        close(std::move(task), time);
    }

    const jobs::Job& job_;
    const Origin& origin_;
    std::string seed_;
    std::vector<Span> spans_;
    std::optional<Span> state_;
    std::map<std::pair<std::int64_t, std::string>, Span> tasks_;
};

}  // namespace

std::vector<Span> job_spans(const jobs::Job& job, const std::vector<jobs::Event>& events) {
    const auto last = std::find_if(events.rbegin(), events.rend(), is_end);
    if (last == events.rend()) return {};
    const auto origin = origin_of(job);
    if (!origin.sampled) return {};
    const auto before = std::find_if(std::next(last), events.rend(), is_end);
    const auto first = before.base();
    const bool retried = before != events.rend();
    Builder builder(
        job, origin, retried ? fmt::format("{} after {}", job.id, before->seq) : job.id);
    for (auto it = first; it != last.base(); ++it) builder.add(*it);
    const auto start = retried ? first->time : job.created;
    return builder.finish(nanoseconds(start), *last);
}

}  // namespace sg::telemetry
