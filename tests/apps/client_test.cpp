#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

#include "command_line.hpp"
#include "dry_run_text.hpp"
#include "job_watch.hpp"
#include "server_client.hpp"
#include "sse_reader.hpp"

using namespace sg;
using namespace sg::apps;

namespace {

std::vector<std::string> read_events(const std::vector<std::string>& pieces) {
    std::vector<std::string> events;
    SseReader reader([&](std::string_view data) {
        events.emplace_back(data);
        return true;
    });
    for (const auto& piece : pieces) REQUIRE(reader.push(piece));
    return events;
}

std::variant<Invocation, Leave> parse(const std::vector<const char*>& words) {
    std::vector<const char*> argv{"streamgate"};
    argv.insert(argv.end(), words.begin(), words.end());
    return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

template <class T>
T options_of(const std::vector<const char*>& words) {
    auto parsed = parse(words);
    if (const auto* leave = std::get_if<Leave>(&parsed)) FAIL(leave->text);
    return std::get<T>(std::get<Invocation>(parsed).command);
}

std::string refusal_of(const std::vector<const char*>& words) {
    const auto parsed = parse(words);
    const auto* leave = std::get_if<Leave>(&parsed);
    REQUIRE(leave != nullptr);
    CHECK(leave->code == ExitCode::kUsage);
    return leave->text;
}

}  // namespace

TEST_CASE("events come whole out of any pieces of a stream") {
    const std::string stream =
        ": comment\n\nid: 7\nevent: job.queued\ndata: {\"seq\":7}\n\ndata:one\r\ndata: two\r\n\r\n";
    const std::vector<std::string> wanted{"{\"seq\":7}", "one\ntwo"};
    CHECK(read_events({stream}) == wanted);
    std::vector<std::string> bytes;
    for (const char c : stream) bytes.emplace_back(1, c);
    CHECK(read_events(bytes) == wanted);
}

TEST_CASE("a stream of one endless line is refused") {
    SseReader reader([](std::string_view) { return true; });
    const std::string much(1U << 20U, 'x');
    CHECK(reader.push(much));
    const auto status = reader.push(much);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kBadData);
}

TEST_CASE("a reader that has enough ends the stream") {
    SseReader reader([](std::string_view) { return false; });
    const auto status = reader.push("data: x\n\ndata: y\n\n");
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kEndOfStream);
}

TEST_CASE("a server's problem is told with the field at fault and its code") {
    const auto error = server_error(
        {422,
         {},
         R"({"code":"unknown_field","detail":"did you mean preset?","pointer":"/presett"})"});
    CHECK(error.message == "/presett: did you mean preset? (unknown_field)");
    CHECK(exit_code_of(error) == ExitCode::kSomeFailed);
    const auto many = server_error({422,
                                    {},
                                    R"({"code":"invalid_document","detail":"x","errors":[)"
                                    R"({"detail":"a","pointer":"/b"},{"detail":"c"}]})"});
    CHECK(many.message == "/b: a; c (invalid_document)");
    CHECK(server_error({502, {}, "<html>"}).message.find("502") != std::string::npos);
}

TEST_CASE("states of a job are stages of the display") {
    const auto event = display_event("job.verifying", "film", "{}");
    REQUIRE(event);
    CHECK(event->type == "progress");
    CHECK(event->subject == "film");
    CHECK(nlohmann::json::parse(event->data)["stage"] == "verify");
    CHECK_FALSE(display_event("channel.started", "film", "{}"));
    CHECK_FALSE(display_event("job.succeeded", "film", "{}"));
    CHECK_FALSE(display_event("job.progress", "film", R"({"stage":"","percent":100})"));
}

TEST_CASE("a dry run shows what would be made, or why not") {
    const auto refused = read_dry_run(
        R"({"possible":false,"inputs":[{"uri":"a.txt","plan":null,"problem":{"detail":"it is text"}}],)"
        R"("prediction":{"seconds":0}})");
    CHECK_FALSE(refused.possible);
    CHECK(refused.text == "a.txt\n  cannot be made: it is text\n");
    const auto good = read_dry_run(
        R"({"possible":true,"inputs":[{"uri":"a.mov","plan":null,"problem":null}],"queue_seconds":61,)"
        R"("prediction":{"seconds":5,"seconds_low":4,"seconds_high":9,"cpu_seconds":8,"bytes":2000000}})");
    CHECK(good.possible);
    CHECK(good.text ==
          "a.mov\nEstimate: 2.0 MB in 5.0 s (4.0 s to 9.0 s; CPU 8.0 s), after 1:01 of work in the "
          "queue.\n");
    CHECK_FALSE(read_dry_run("nonsense").possible);
}

TEST_CASE("submit takes the document's flags and its own") {
    const auto o = options_of<SubmitOptions>({"submit",
                                              "a.mov",
                                              "--preset",
                                              "mobile",
                                              "--set",
                                              "video.crf=21",
                                              "--tag",
                                              "show=news",
                                              "--priority",
                                              "high",
                                              "--wait",
                                              "--timeout",
                                              "90s",
                                              "--server",
                                              "http://x:1"});
    CHECK(o.document.inputs == std::vector<std::string>{"a.mov"});
    CHECK(o.document.overrides.at("video.crf") == "21");
    CHECK(o.tags.at("show") == "news");
    CHECK(o.priority == "high");
    CHECK(o.wait);
    CHECK(o.timeout_seconds == 90);
    CHECK(o.server.server == "http://x:1");
}

TEST_CASE("commands about jobs say what is missing or wrong") {
    CHECK(refusal_of({"submit"}).find("no input") != std::string::npos);
    CHECK(refusal_of({"submit", "a.mov", "--timeout", "3s"}).find("--wait") != std::string::npos);
    CHECK(refusal_of({"submit", "a.mov", "--priorty", "x"}).find("did you mean --priority") !=
          std::string::npos);
    CHECK(refusal_of({"watch"}).find("Try 'streamgate watch --help'") != std::string::npos);
    CHECK(refusal_of({"watch"}).find("JOB is missing") != std::string::npos);
    CHECK(refusal_of({"jobs"}).find("name a command: list, show or watch") != std::string::npos);
    CHECK(refusal_of({"submit", "a.mov", "--priority", "hi"})
              .find("--priority takes bulk, low, normal, high or urgent, not 'hi'") !=
          std::string::npos);
    CHECK(refusal_of({"jobs", "list", "--tag", "news"}).find("KEY=VALUE") != std::string::npos);
    CHECK(refusal_of({"jobs", "lst"}).find("list") != std::string::npos);
    CHECK(refusal_of({"audit", "verify", "x.ndjson"}).find("--audit-key") != std::string::npos);
}

TEST_CASE("commands about jobs are also commands of their own") {
    CHECK(options_of<JobsOptions>({"jobs", "watch", "job_1"}).action ==
          JobsOptions::Action::kWatch);
    CHECK(options_of<JobsOptions>({"watch", "job_1"}).action == JobsOptions::Action::kWatch);
    CHECK(options_of<JobsOptions>({"cancel", "job_1", "job_2"}).ids.size() == 2);
    CHECK(options_of<JobsOptions>({"logs", "job_1", "-f"}).follow);
    CHECK(options_of<KeysOptions>({"keys", "rotate", "key_1"}).action ==
          KeysOptions::Action::kRotate);
}

TEST_CASE("ids are safe in paths") {
    CHECK(url_escaped("job_1/../x?y") == "job_1%2F..%2Fx%3Fy");
}
