#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/probe.hpp>
#include <engine/transcode.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

namespace fs = std::filesystem;

class Recorder final : public EventSink {
  public:
    void on_event(const Event& event) override {
        if (event.type == "task.failed") failures += event.data + "\n";
    }
    std::string failures;
};

std::string preset(const test::TempFolder& folder,
                   const std::string& codec,
                   const std::string& speed,
                   const std::string& formats) {
    const auto path = (folder / (codec + ".yaml")).string();
    std::ofstream(path) << "name: small\nvideo:\n  codec: " << codec << "\n  speed: " << speed
                        << R"(
  gop: 1s
  chunk: 2s
  ladder:
    - {name: high, width: 160, height: 120, max_bitrate: 400k}
    - {name: low, width: 80, height: 60, max_bitrate: 100k}
audio:
  renditions:
    - {name: audio, codec: aac, channels: 2, bitrate: 64k}
packaging:
  segment: 1s
  formats: )" << formats << "\n";
    return path;
}

std::string film(const test::TempFolder& folder) {
    test::ClipOptions clip;
    clip.video.at(0).seconds = 3;
    clip.audio.at(0).seconds = 3;
    return test::make_clip(folder / "film.mp4", clip).string();
}

RunSummary run(const test::TempFolder& folder, const JobDocument& job, Recorder& events) {
    RunOptions options;
    options.program = SG_TASK_CHILD;
    options.crashes = folder / "crashes";
    const SystemClock clock;
    auto summary = run_job(job, options, events, clock, {});
    REQUIRE(summary);
    return std::move(*summary);
}

}  // namespace

TEST_CASE("every encoder, container and check works in the sandbox") {
    struct Case {
        const char* codec;
        const char* speed;
        const char* formats;
    };
    for (const auto& c : {Case{"h264", "ultrafast", "[hls-cmaf, dash, hls-ts]"},
                          Case{"h264", "ultrafast", "[hls-cmaf, dash, single-file]"},
                          Case{"hevc", "ultrafast", "[hls-cmaf, dash]"},
                          Case{"av1", "12", "[hls-cmaf, dash]"},
                          Case{"vp9", "8", "[hls-cmaf, dash]"}}) {
        const test::TempFolder folder;
        JobDocument job;
        JobInput film_input;
        film_input.uri = film(folder);
        job.inputs.push_back(film_input);
        job.output = (folder / "out").string();
        job.preset = preset(folder, c.codec, c.speed, c.formats);
        job.verify = VerifyMode::kFull;
        job.quality = true;
        Recorder events;
        const auto summary = run(folder, job, events);
        const auto& input = summary.inputs.at(0);
        INFO(c.codec << ": " << input.error.message << "\n" << events.failures);
        CHECK(input.ok);
        CHECK(events.failures.empty());
        CHECK_FALSE(fs::exists(folder / "crashes"));
    }
}

TEST_CASE("a probe runs in the sandbox") {
    const test::TempFolder folder;
    const auto path = film(folder);
    ProbeRequest request;
    auto fd = open_file(path, O_RDONLY);
    REQUIRE(fd);
    request.fd = std::move(*fd);
    request.name = "film.mp4";
    request.full = true;
    request.program = SG_TASK_CHILD;
    const auto report = probe_in_task(std::move(request), {});
    REQUIRE(report);
    CHECK(nlohmann::json::parse(report->facts).is_object());
    CHECK(nlohmann::json::parse(report->index).is_object());
    CHECK_FALSE(report->facts_text.empty());
    CHECK(report->plan.empty());

    ProbeRequest broken;
    std::ofstream(folder / "broken") << "no film at all";
    auto other = open_file(folder / "broken", O_RDONLY);
    REQUIRE(other);
    broken.fd = std::move(*other);
    broken.name = "broken";
    broken.program = SG_TASK_CHILD;
    const auto refused = probe_in_task(std::move(broken), {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kBadData);
}
