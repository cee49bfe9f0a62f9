#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/clock.hpp>

#include "answer_text.hpp"
#include "commands.hpp"
#include "quantities.hpp"
#include "server_client.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text_width.hpp"
#include "watch_command.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

double number(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string percent(const json& job) {
    const auto value = number(job, "percent");
    return value > 0 ? fmt::format("{:.0f} %", value) : std::string();
}

void put(const std::string& out) {
    (void)write_text(STDOUT_FILENO, out.ends_with('\n') ? out : out + "\n");
}

ExitCode failed(const Error& error) {
    return complain(exit_code_of(error), error.message);
}

/// The API writes a tag KEY:VALUE; this command's own form is that of submit.
std::string tag_query(std::string tag) {
    const auto at = tag.find_first_of("=:");
    if (at != std::string::npos) tag[at] = ':';
    return tag;
}

std::string list_query(const JobsOptions& options, int limit, const std::string& cursor) {
    auto query = fmt::format("/v1/jobs?limit={}", limit);
    const auto add = [&query](const char* key, const std::string& value) {
        if (!value.empty()) query += fmt::format("&{}={}", key, url_escaped(value));
    };
    add("state", options.state);
    add("tag", tag_query(options.tag));
    add("owner", options.owner);
    add("external_id", options.external_id);
    add("cursor", cursor);
    return query;
}

ExitCode list(const ServerClient& client, const JobsOptions& options) {
    constexpr int kPage = 500;
    auto items = json::array();
    std::string cursor;
    while (static_cast<int>(items.size()) < options.limit) {
        const auto want = std::min(kPage, options.limit - static_cast<int>(items.size()));
        const auto reply = client.call({"GET", list_query(options, want, cursor)});
        if (!reply) return failed(reply.error());
        const auto page = json::parse(reply->body, nullptr, false);
        if (!page.is_object() || !page.contains("items"))
            return complain(ExitCode::kSomeFailed, "the server's answer is not as expected");
        for (const auto& item : page["items"]) items.push_back(item);
        cursor = text(page, "next_cursor");
        if (cursor.empty()) break;
    }
    if (options.json) {
        put(json{{"items", items}, {"next_cursor", cursor.empty() ? json() : json(cursor)}}.dump(
            2));
        return ExitCode::kSuccess;
    }
    Table table({{"JOB"},
                 {"STATE"},
                 {"DONE", Table::Align::kRight},
                 {"PRIORITY"},
                 {"PRESET"},
                 {"OWNER"},
                 {"CREATED"},
                 {"NAME"},
                 {"WHY"}});
    for (const auto& job : items) {
        table.add_row({text(job, "id"),
                       text(job, "state"),
                       percent(job),
                       text(job, "priority"),
                       text(job, "preset"),
                       text(job, "owner"),
                       text(job, "created").substr(0, 19),
                       text(job, "external_id"),
                       text(job, "state") == "failed" ? text(job, "reason") : std::string()});
    }
    put(items.empty() ? "no jobs" : table.text(0));
    return ExitCode::kSuccess;
}

/// What it reads, and where its streams are.
void add_places(const json& job, const std::function<void(const char*, const std::string&)>& line) {
    const auto document = job.value("document", json::object());
    for (const auto& input : document.value("inputs", json::array()))
        line("input", input.is_string() ? printable(input.get<std::string>()) : text(input, "uri"));
    const auto result = job.find("result");
    if (result == job.end() || !result->is_object()) return;
    for (const auto& input : result->value("inputs", json::array()))
        line("output", text(input, "folder"));
}

std::string shown(const json& job) {
    std::string out = fmt::format("{} {}", text(job, "id"), text(job, "state"));
    if (const auto done = percent(job); !done.empty()) out += " " + done;
    out += '\n';
    const auto line = [&out](const char* name, const std::string& value) {
        if (!value.empty()) out += fmt::format("  {:<12}{}\n", name, value);
    };
    line("why", text(job, "message").empty() ? text(job, "reason") : text(job, "message"));
    add_places(job, line);
    line("preset", text(job, "preset"));
    line("priority", text(job, "priority"));
    line("deadline", text(job, "deadline"));
    line("owner", text(job, "owner"));
    line("external id", text(job, "external_id"));
    line("created", text(job, "created"));
    line("worker", text(job, "worker"));
    if (const auto at = job.find("queue_position"); at != job.end() && at->is_number())
        line("queue", fmt::format("{} before it", at->get<std::int64_t>()));
    if (const auto eta = job.find("eta"); eta != job.end() && eta->is_object())
        line("done in",
             fmt::format("{} ({} to {})",
                         clock_text(number(*eta, "seconds")),
                         clock_text(number(*eta, "low")),
                         clock_text(number(*eta, "high"))));
    Table attempts(
        {{"ATTEMPT", Table::Align::kRight}, {"OUTCOME"}, {"WORKER"}, {"STARTED"}, {"WHY"}});
    for (const auto& each : job.value("attempts", json::array()))
        attempts.add_row({fmt::format("{}", number(each, "number")),
                          text(each, "outcome"),
                          text(each, "worker"),
                          text(each, "started"),
                          text(each, "message")});
    if (!job.value("attempts", json::array()).empty()) out += attempts.text(2);
    Table tasks({{"TASK"},
                 {"STATE"},
                 {"DONE", Table::Align::kRight},
                 {"SPEED", Table::Align::kRight},
                 {"WHY"}});
    for (const auto& each : job.value("tasks", json::array()))
        tasks.add_row({text(each, "name"),
                       text(each, "state"),
                       percent(each),
                       number(each, "speed") > 0 ? fmt::format("{:.2f}x", number(each, "speed"))
                                                 : std::string(),
                       text(each, "message")});
    if (!job.value("tasks", json::array()).empty()) out += tasks.text(2);
    return out;
}

ExitCode show(const ServerClient& client, const JobsOptions& options) {
    for (const auto& id : options.ids) {
        const auto reply = client.call({"GET", "/v1/jobs/" + url_escaped(id)});
        if (!reply) return failed(reply.error());
        const auto job = json::parse(reply->body, nullptr, false);
        if (!job.is_object())
            return complain(ExitCode::kSomeFailed, "the server's answer is not as expected");
        put(options.json ? job.dump(2) : shown(job));
    }
    return ExitCode::kSuccess;
}

/// POST of each; goes on after one that is refused.
ExitCode change(const ServerClient& client, const JobsOptions& options, const char* verb) {
    auto worst = ExitCode::kSuccess;
    for (const auto& id : options.ids) {
        ServerClient::Request request{"POST", fmt::format("/v1/jobs/{}/{}", url_escaped(id), verb)};
        if (!options.reason.empty()) request.body = json{{"reason", options.reason}}.dump();
        const auto reply = client.call(std::move(request));
        if (!reply) {
            worst = complain(exit_code_of(reply.error()), reply.error().message);
            if (worst == ExitCode::kCannotConnect) return worst;
            continue;
        }
        const auto job = json::parse(reply->body, nullptr, false);
        if (options.json)
            put(reply->body);
        else if (job.is_object())
            put(fmt::format(
                "{} {}{}",
                text(job, "id"),
                text(job, "state"),
                job.value("cancel_requested", false) && text(job, "state") != "cancelled"
                    ? ", ends soon"
                    : ""));
    }
    return worst;
}

std::string log_line(const json& event) {
    const auto data = event.value("data", json::object());
    std::string out = fmt::format("{} {:<14}", text(event, "time"), text(event, "type"));
    for (const auto* key : {"task", "state", "reason", "code", "message", "worker"}) {
        if (const auto value = text(data, key); !value.empty()) {
            const bool words = value.find(' ') != std::string::npos;
            out +=
                words ? fmt::format(" {}=\"{}\"", key, value) : fmt::format(" {}={}", key, value);
        }
    }
    if (const auto seconds = number(data, "seconds"); seconds > 0)
        out += fmt::format(" seconds={:.1f}", seconds);
    return out;
}

/// Ends a stream of events that has told all it has: nothing came for a moment.
class QuietEnd {
  public:
    QuietEnd() : thread_([this](const std::stop_token& over) { wait(over); }) {}
    void heard() { heard_ = true; }
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

  private:
    void wait(const std::stop_token& over) {
        constexpr auto kMoment = std::chrono::milliseconds(700);
        std::mutex mutex;
        std::condition_variable_any woken;
        do {
            heard_ = false;
            std::unique_lock lock(mutex);
            woken.wait_for(lock, over, kMoment, [] { return false; });
        } while (heard_ && !over.stop_requested());
        source_.request_stop();
    }

    std::stop_source source_;
    std::atomic<bool> heard_ = false;
    std::jthread thread_;
};

/// Its events so far, with --follow those to come until it has ended.
ExitCode logs(const ServerClient& client, const JobsOptions& options) {
    for (const auto& id : options.ids) {
        const auto job = client.call({"GET", "/v1/jobs/" + url_escaped(id)});
        if (!job) return failed(job.error());
        const auto version = json::parse(job->body, nullptr, false);
        const auto state = text(version, "state");
        const bool ended = state == "succeeded" || state == "failed" || state == "cancelled";
        std::optional<QuietEnd> quiet;
        if (!options.follow || ended) quiet.emplace();
        const auto done = client.stream(
            "/v1/jobs/" + url_escaped(id) + "/events",
            0,
            [&](std::string_view data) {
                const auto event = json::parse(data, nullptr, false);
                const auto type = event.is_object() ? text(event, "type") : std::string();
                if (type.empty() || type == "job.progress") return true;
                if (quiet) quiet->heard();
                put(options.json ? std::string(data) : log_line(event));
                const bool last =
                    type == "job.succeeded" || type == "job.failed" || type == "job.cancelled";
                return !options.follow || ended || !last;
            },
            quiet ? quiet->token() : std::stop_token());
        if (!done && done.error().code != Errc::kCancelled) return failed(done.error());
    }
    return ExitCode::kSuccess;
}

}  // namespace

ExitCode run_jobs(const JobsOptions& options) {
    const auto client = ServerClient::open(options.server);
    if (!client) return complain(ExitCode::kUsage, client.error().message);
    using Action = JobsOptions::Action;
    switch (options.action) {
        case Action::kList:
            return list(*client, options);
        case Action::kShow:
            return show(*client, options);
        case Action::kWatch: {
            std::vector<WatchedJob> jobs;
            for (const auto& id : options.ids) jobs.push_back({id, id, {}, {}});
            return watch_until_ended(
                *client, std::move(jobs), {options.json, options.quiet, options.timeout_seconds});
        }
        case Action::kLogs:
            return logs(*client, options);
        case Action::kCancel:
            return change(*client, options, "cancel");
        case Action::kRetry:
            return change(*client, options, "retry");
    }
    return ExitCode::kUsage;
}

}  // namespace sg::apps
