#include "job_bench.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/ids.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>

namespace sg::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* const kQuick = R"({"name": "quick",
"video": {"codec": "h264", "speed": "ultrafast", "gop": "1s", "chunk": "2s",
  "ladder": [{"name": "high", "width": 160, "height": 120, "max_bitrate": "400k"},
             {"name": "low", "width": 80, "height": 60, "max_bitrate": "100k"}]},
"audio": {"renditions": [{"name": "audio", "codec": "aac", "channels": 2, "bitrate": "64k"}]},
"packaging": {"formats": ["hls-cmaf", "dash"], "segment": "1s"},
"verify": "quick"})";

}  // namespace

JobBench::JobBench() {
    fs::create_directories(folder / "media");
    open();
}

JobBench::~JobBench() {
    stop();
}

void JobBench::open() {
    sql::DatabaseOptions options;
    options.path = folder / "jobs.db";
    options.migrations = jobs::migrations();
    auto opened = sql::Database::open(options, metrics);
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
    database = std::move(*opened);
    events = std::make_unique<jobs::EventHub>(*database, clock);
}

fs::path JobBench::film(double seconds) {
    const auto path = folder.path() / "media" / fmt::format("film-{}.mp4", seconds);
    if (fs::exists(path)) return path;
    ClipOptions clip;
    clip.video.front().seconds = seconds;
    clip.audio.front().seconds = seconds;
    return make_clip(path, clip);
}

std::string JobBench::document(const std::vector<std::string>& inputs, const std::string& more) {
    return fmt::format(R"({{"inputs": {}, "preset": "quick@1", "presets": {{"quick@1": {}}}{}}})",
                       json(inputs).dump(),
                       kQuick,
                       more);
}

std::string JobBench::submit(const std::string& document,
                             const std::function<void(jobs::Job&)>& change) {
    jobs::Job job;
    job.id = make_id("job", clock);
    job.owner = "alice";
    job.document = document;
    job.preset = "quick@1";
    job.created = now();
    job.state = jobs::JobState::kQueued;
    if (change) change(job);
    write([&](sql::Connection& db) { return jobs::insert_job(db, job); });
    return job.id;
}

void JobBench::start(const std::function<void(jobs::RunnerOptions&)>& change) {
    change_ = change;
    jobs::RunnerOptions options;
    options.worker = fmt::format("bench-{}", ::getpid());
    options.data = folder / "data";
    options.roots = {folder / "media"};
    options.heavy_slots = 2;
    options.backoff = std::chrono::milliseconds(50);
    options.program = SG_TEST_TASKS;
    if (change) change(options);
    auto started = jobs::Runner::start(options, *database, *events, clock, metrics);
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    runner = std::move(*started);
}

void JobBench::restart() {
    stop();
    events.reset();
    database.reset();
    open();
    start(change_);
}

jobs::Job JobBench::job(const std::string& id) {
    auto reader = database->read();
    REQUIRE(reader);
    auto found = jobs::find_job(**reader, id, {});
    INFO((found ? "" : found.error().message));
    REQUIRE(found);
    return *found;
}

std::vector<jobs::Task> JobBench::tasks(const std::string& id) {
    auto reader = database->read();
    REQUIRE(reader);
    auto found = jobs::tasks_of(**reader, id);
    REQUIRE(found);
    return *found;
}

std::vector<jobs::Event> JobBench::events_of(const std::string& id) {
    auto reader = database->read();
    REQUIRE(reader);
    auto found = jobs::events_of(**reader, id, 0, 10'000);
    REQUIRE(found);
    return *found;
}

std::vector<std::string> JobBench::types_of(const std::string& id) {
    std::vector<std::string> types;
    for (const auto& event : events_of(id)) types.push_back(event.type);
    return types;
}

void JobBench::write(const sql::Database::Work& work) {
    const auto status = database->write_now(work);
    INFO((status ? "" : status.error().message));
    REQUIRE(status);
}

bool JobBench::until(const std::function<bool()>& so, std::chrono::seconds most) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

bool JobBench::until_ended(const std::string& id) {
    return until([&] { return jobs::ended(job(id).state); });
}

bool JobBench::until_in(const std::string& id, jobs::JobState state) {
    return until([&] { return job(id).state == state; });
}

jobs::Millis JobBench::now() const {
    return std::chrono::floor<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
}

std::vector<int> JobBench::children() {
    std::vector<int> all;
    std::error_code ec;
    for (const auto& thread : fs::directory_iterator("/proc/self/task", ec)) {
        std::ifstream list(thread.path() / "children");
        for (int pid = 0; list >> pid;) all.push_back(pid);
    }
    return all;
}

std::vector<std::pair<std::string, std::string>> files_below(const fs::path& folder) {
    std::vector<std::pair<std::string, std::string>> files;
    std::error_code ec;
    for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
        if (!it->is_regular_file()) continue;
        std::ifstream in(it->path(), std::ios::binary);
        std::ostringstream bytes;
        bytes << in.rdbuf();
        files.emplace_back(it->path().lexically_relative(folder).string(), bytes.str());
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace sg::test
