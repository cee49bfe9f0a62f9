#include <string>

#include <nlohmann/json.hpp>

#include <base/log_format.hpp>
#include <support/catch.hpp>

using nlohmann::json;

namespace {

json parsed(std::string_view line) {
    const sg::Clock::Wall time{std::chrono::seconds{0}};
    return json::parse(sg::log::json_line(time, sg::log::Level::kWarn, line));
}

}  // namespace

TEST_CASE("a JSON log line has time, level, event and a member for each pair") {
    const auto line = parsed("job=job_1 chunk=3 segment_written rendition=1080p number=3");
    CHECK(line == json{{"time", "1970-01-01T00:00:00.000Z"},
                       {"level", "warning"},
                       {"event", "segment_written"},
                       {"job", "job_1"},
                       {"chunk", "3"},
                       {"rendition", "1080p"},
                       {"number", "3"}});
}

TEST_CASE("a quoted value in a JSON log line may hold spaces, equals signs and quotes") {
    const auto line = parsed(R"(refused why="open "a b.mov": x=1 failed" next="in 3 ms" peer=::1)");
    CHECK(line["why"] == R"(open "a b.mov": x=1 failed)");
    CHECK(line["next"] == "in 3 ms");
    CHECK(line["peer"] == "::1");
}

TEST_CASE("words of a log line that belong to no key become its message") {
    CHECK(parsed("task_start_failed: no memory")["event"] == "task_start_failed");
    CHECK(parsed("task_start_failed: no memory")["msg"] == "no memory");
    CHECK(parsed("srt_refused code=2 too old")["msg"] == "too old");
    CHECK(parsed("(odd) line")["msg"] == "(odd) line");
}

TEST_CASE("a log line cannot forge its time or level, nor break the JSON") {
    const auto line = parsed("event time=1 level=error x=\"a\nb\" y=\xff path=\"unclosed");
    CHECK(line["level"] == "warning");
    CHECK(line["time_"] == "1");
    CHECK(line["x"] == "a\nb");
    CHECK(line["y"] == "\xef\xbf\xbd");
    CHECK(line["path"] == "unclosed");
    CHECK(parsed("")["level"] == "warning");
    CHECK(parsed("a=1 a=2")["a"] == "2");
    CHECK(parsed("e q=\"")["q"] == "");
}
