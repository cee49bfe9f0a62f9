#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <support/catch.hpp>

#include "display.hpp"
#include "progress_model.hpp"
#include "summary.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

using namespace sg;
using namespace sg::apps;

namespace {

engine::Event event(const std::string& subject, const std::string& type, const std::string& data) {
    engine::Event e;
    e.type = type;
    e.subject = subject;
    e.data = data;
    return e;
}

std::string progress_data(int percent) {
    return "{\"stage\":\"encode\",\"percent\":" + std::to_string(percent) +
           R"(,"fps":143.2,"speed":4.77,"eta_s":12,"bytes":14200000,"frames":100,"tasks_running":2})";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Up to the end, or until `last` was seen.
/// Until `last` stands behind `first`; to the end when both are empty.
std::string read_until(int fd, const std::string& first, const std::string& last) {
    std::string text;
    char buffer[4096];
    const auto there = [&] {
        const auto at = text.find(first);
        return at != std::string::npos && text.find(last, at) != std::string::npos;
    };
    while (last.empty() || !there()) {
        pollfd waiting{fd, POLLIN, 0};
        if (::poll(&waiting, 1, 20'000) <= 0) break;
        const auto got = ::read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}
std::string read_all(int fd) {
    return read_until(fd, {}, {});
}

}  // namespace

TEST_CASE("a line tells name, stage, percent, speed, time left, rate and bytes") {
    use_unicode_widths();
    ProgressModel model(1);
    (void)model.apply(event("film.mov", "input.started", "{}"));
    (void)model.apply(event("film.mov", "progress", progress_data(52)));
    const auto lines = progress_lines(model, {100, false, true}, 10);
    REQUIRE(lines.size() == 1);
    for (const char* part :
         {"film.mov", "encode", "█", " 52 %", "4.77x", "ETA    0:12", "143 fps", "14.2 MB"})
        CHECK(contains(lines[0], part));
}

TEST_CASE("a line is never wider than the terminal, whatever its width and the name") {
    use_unicode_widths();
    ProgressModel model(2);
    (void)model.apply(
        event("映画-映画-映画-映画-映画-映画-\x1b[2J.mov", "progress", progress_data(100)));
    (void)model.apply(event("b", "progress", progress_data(7)));
    for (std::size_t columns = 2; columns < 200; ++columns) {
        for (const auto& line : progress_lines(model, {columns, false, true}, 10)) {
            INFO(columns << ": " << line);
            CHECK(text_width(line) < columns);
            CHECK_FALSE(contains(line, "\x1b"));
        }
    }
}

TEST_CASE("more inputs than rows are counted in the last line") {
    ProgressModel model(50);
    for (int i = 0; i < 50; ++i)
        (void)model.apply(event("film" + std::to_string(i), "input.started", "{}"));
    (void)model.apply(
        event("film0",
              "input.finished",
              R"({"ok":true,"duration_s":10,"wall_s":5,"speed":2,"folder":"out/film0"})"));
    (void)model.apply(event("film1", "input.failed", R"({"code":"bad_data","message":"broken"})"));
    const auto lines = progress_lines(model, {80, false, false}, 5);
    REQUIRE(lines.size() == 5);
    CHECK(lines.back() == "2 of 50 done, 1 failed, 44 more at work");
}

TEST_CASE("events whose data is not what was promised do no harm") {
    ProgressModel model(1);
    for (const char* data :
         {"", "[]", "null", "{\"percent\":\"x\"}", "{\"percent\":1e9}", "{", "{\"stage\":5}"}) {
        (void)model.apply(event("a", "progress", data));
        (void)model.apply(event("a", "stage", data));
        (void)model.apply(event("a", "task.failed", data));
        (void)model.apply(event("a", "input.finished", data));
    }
    CHECK(model.done() == 1);
}

TEST_CASE("colour is only there when asked for") {
    CHECK(contains(notice_line({Notice::Kind::kFailed, "x"}, {80, true, true}), "\x1b["));
    CHECK(notice_line({Notice::Kind::kFailed, "x"}, {80, false, true}) == "failed x");
}

TEST_CASE("without a terminal there is a line at each stage and each tenth") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    {
        const auto display = make_plain_display(ends[1], 1);
        display->on_event(event("film.mov", "stage", R"({"stage":"probe"})"));
        display->on_event(event("film.mov", "stage", R"({"stage":"encode"})"));
        for (int percent = 0; percent <= 100; ++percent)
            display->on_event(event("film.mov", "progress", progress_data(percent)));
        display->on_event(
            event("film.mov",
                  "input.finished",
                  R"({"ok":true,"duration_s":24,"wall_s":5,"speed":4.8,"folder":"out"})"));
    }
    ::close(ends[1]);
    const auto text = read_all(ends[0]);
    ::close(ends[0]);
    CHECK(std::count(text.begin(), text.end(), '\n') == 13);
    CHECK(contains(text,
                   "film.mov: probe\nfilm.mov: encode\nfilm.mov: encode 10 %, 143 fps, 4.77x, ETA "
                   "0:12, 14.2 MB\n"));
    CHECK(contains(text, "done film.mov: 0:24 in 5.0 s (4.80x) -> out\n"));
    CHECK_FALSE(contains(text, "\x1b"));
}

TEST_CASE("a reader of JSON that goes away is noticed once") {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    int gone = 0;
    const auto display = make_json_display(ends[1], [&gone] { ++gone; });
    display->on_event(event("a", "progress", "{}"));
    display->on_event(event("a", "progress", "{}"));
    ::close(ends[1]);
    CHECK(gone == 1);
}

TEST_CASE("on a terminal lines are redrawn in place and ended inputs stay above") {
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 24;
    int terminal = -1;
    int go_on[2];
    REQUIRE(::pipe(go_on) == 0);
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
    REQUIRE(child >= 0);
    if (child == 0) {
        ::setenv("LANG", "C.UTF-8", 1);
        ::unsetenv("LC_ALL");
        ::unsetenv("LC_CTYPE");
        ::setenv("TERM", "xterm", 1);
        ::setenv("NO_COLOR", "1", 1);
        use_unicode_widths();
        bool good = is_terminal(STDERR_FILENO);
        {
            const auto display = make_live_display(STDERR_FILENO, 2);
            display->on_event(event("a.mov", "progress", progress_data(10)));
            display->on_event(event("b.mov", "progress", progress_data(20)));
            char seen = 0;
            good = good && ::read(go_on[0], &seen, 1) == 1;
            display->on_event(
                event("a.mov",
                      "input.finished",
                      R"({"ok":true,"duration_s":24,"wall_s":5,"speed":4.8,"folder":"out"})"));
            display->finish();
        }
        ::_exit(good ? 0 : 1);
    }
    // The first frames may come before the events.
    auto text = read_until(terminal, "b.mov", "0 of 2 done");
    // Made narrower: what was drawn is wrapped now.
    size.ws_col = 40;
    CHECK(::ioctl(terminal, TIOCSWINSZ, &size) == 0);
    CHECK(::write(go_on[1], "x", 1) == 1);
    text += read_all(terminal);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    for (const int fd : {terminal, go_on[0], go_on[1]}) ::close(fd);
    INFO(text);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    // Three lines (two inputs and the total), then up over what they take when wrapped at 40
    // columns.
    CHECK(contains(text, "a.mov"));
    CHECK(contains(text, "0 of 2 done"));
    CHECK(contains(text, "\x1b[7A\r\x1b[J"));
    CHECK(contains(text, "done a.mov: 0:24 in 5.0 s (4.80x) -> out"));
    // The last frame clears what was active; nothing stays switched off.
    CHECK(text.rfind("\x1b[?7h") > text.rfind("\x1b[?7l"));
    CHECK_FALSE(contains(text, "\x1b[?25l"));
}

TEST_CASE("the summary shows figures, repairs, notes and how to watch") {
    engine::RunSummary run;
    run.inputs.resize(2);
    auto& good = run.inputs[0];
    good.uri = "my film.mov";
    good.folder = "out dir";
    good.ok = good.read = true;
    good.duration_s = 24;
    good.wall_s = 6;
    good.speed = 4;
    good.cpu_s = 11;
    good.peak_rss_bytes = 300'000'000;
    engine::RenditionSummary r;
    r.name = "1080p";
    r.codecs = "avc1.640028";
    r.width = 1920;
    r.height = 1080;
    r.frame_rate = 30;
    r.segments = 4;
    r.bytes = 12'000'000;
    r.average_bps = 4'000'000;
    r.peak_bps = 5'100'000;
    r.psnr = 41.234;
    r.ssim = 0.98765;
    good.renditions.push_back(r);
    good.repairs.push_back({"audio_gap_filled", 2, "2 gaps in the sound were filled with silence"});
    good.notes.push_back("4k left out: the source is 1920x1080");
    good.manifests = {"out dir/index.m3u8", "out dir/manifest.mpd"};
    auto& bad = run.inputs[1];
    bad.uri = "bad.mov";
    bad.stage = "probe";
    bad.error = {Errc::kBadData, "open bad.mov: it is empty"};

    const auto text = summary_text(run);
    for (const char* part : {"RENDITION",
                             "1920x1080",
                             "4.0 Mbit/s",
                             "5.1 Mbit/s",
                             "41.23 dB",
                             "0.9877",
                             "(4.00x real time)",
                             "CPU 11.0 s",
                             "repaired: 2 gaps",
                             "note: 4k left out",
                             "bad.mov: failed (probe): open bad.mov: it is empty",
                             "ffplay 'out dir/index.m3u8'",
                             "1 of 2 inputs made"}) {
        INFO(part);
        CHECK(contains(text, part));
    }
}

TEST_CASE("exit codes tell good, part failed, nothing read and interrupted apart") {
    engine::RunSummary run;
    run.inputs.resize(2);
    run.inputs[0].ok = run.inputs[0].read = true;
    CHECK(exit_code_of(run) == ExitCode::kSomeFailed);
    run.inputs[1].ok = run.inputs[1].read = true;
    CHECK(exit_code_of(run) == ExitCode::kSuccess);
    run.inputs[0] = run.inputs[1] = engine::InputSummary{};
    CHECK(exit_code_of(run) == ExitCode::kNothingRead);
    run.inputs[0].read = true;
    CHECK(exit_code_of(run) == ExitCode::kSomeFailed);
    run.cancelled = true;
    CHECK(exit_code_of(run) == ExitCode::kInterrupted);
}
