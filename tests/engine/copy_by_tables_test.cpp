// Private headers of the engine: the two ways of a copy task are compared with each other.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include <engine/planner.hpp>
#include <presets/loader.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

#include <copy_by_tables.hpp>
#include <copy_recipe.hpp>
#include <task.hpp>

using namespace sg;
using namespace sg::engine;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> files_in(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        files[entry.path().lexically_relative(folder)] =
            std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
}

struct Planned {
    pipeline::Plan plan;
    std::optional<CopyRecipe> recipe;
};

Planned plan_of(const fs::path& clip) {
    ingest::OpenOptions open;
    open.path = clip;
    open.identify = true;
    auto input = ingest::MediaInput::open(std::move(open));
    REQUIRE(input);
    IndexOptions options;
    options.tables_from_bytes = 0;
    auto index = build_index(**input, options);
    REQUIRE(index);
    auto preset = presets::load_preset("passthrough");
    INFO((preset ? std::string() : preset.error().message));
    REQUIRE(preset);
    auto plan = make_plan((*input)->facts(), *index, (*input)->facts().identity, *preset);
    INFO((plan ? std::string() : plan.error().message));
    REQUIRE(plan);
    auto recipe = make_copy_recipe(*plan, *index, **input);
    return {std::move(*plan), std::move(recipe)};
}

TaskRequest request_of(const fs::path& clip, const Planned& planned, const fs::path& folder) {
    TaskRequest request;
    request.kind = TaskKind::kCopy;
    request.plan = planned.plan.canonical_json();
    request.source_name = clip.filename();
    request.folder = folder;
    fs::create_directories(folder);
    return request;
}

enum class Way { kTables, kPackets, kEither };

/// What the task tells; nothing when the tables alone cannot do it.
std::optional<std::string> copy(const fs::path& clip,
                                const Planned& planned,
                                Way way,
                                const fs::path& folder) {
    auto request = request_of(clip, planned, folder);
    if (way != Way::kPackets) request.copy = planned.recipe->to_json();
    const process::ProgressSender progress = [](std::string_view) { return Status(); };
    TaskContext context{progress, {}, {}};
    context.fds.emplace_back(::open(clip.c_str(), O_RDONLY | O_CLOEXEC));
    if (way == Way::kTables) {
        auto result = copy_by_tables(request, planned.plan, context);
        REQUIRE(result);
        return *result;
    }
    auto result = run_copy_task(request, context);
    INFO((result ? std::string() : result.error().message));
    if (!result) return std::nullopt;
    return *result;
}

test::ClipOptions film() {
    test::ClipOptions clip;
    clip.video[0].seconds = 40;
    clip.video[0].gop = 50;
    clip.video[0].b_frames = 2;
    clip.audio[0].seconds = 40;
    return clip;
}

void check_same_files(const fs::path& made_in, const fs::path& expected_in) {
    const auto made = files_in(made_in);
    const auto expected = files_in(expected_in);
    CHECK(expected.size() > 6);
    for (const auto& [name, bytes] : expected) {
        INFO(name);
        const auto at = made.find(name);
        REQUIRE(at != made.end());
        CHECK((at->second == bytes));
    }
    CHECK(made.size() == expected.size());
}

}  // namespace

TEST_CASE("copying by sample tables gives the bytes that copying packets gives") {
    test::TempFolder folder;
    auto clip = film();
    SECTION("several renditions with reordered pictures") {
        clip.video.push_back(clip.video[0]);
        clip.video[1].width = 80;
        clip.video[1].height = 60;
        clip.video[1].b_frames = 0;
    }
    SECTION("rates that milliseconds cannot hold") {
        clip.video[0].rate = {30000, 1001};
    }
    SECTION("sound that starts late") {
        clip.audio[0].start_s = 0.5;
    }
    SECTION("pictures that start late") {
        clip.video[0].start_s = 0.7;
    }
    SECTION("sound that describes itself in its frames") {
        clip.audio[0].encoder = "ac3";
        clip.audio[0].bit_rate = 192'000;
    }
    SECTION("HEVC") {
        clip.video[0].encoder = "libx265";
        clip.video[0].seconds = clip.audio[0].seconds = 24;
        clip.video[0].options = {
            {"x265-params",
             "log-level=error:open-gop=0:keyint=50:min-keyint=50:pools=1:frame-threads=1"}};
    }
    SECTION("sound alone") {
        clip.video.clear();
        clip.audio[0].seconds = 60;
    }
    SECTION("long runs of each track") {
        clip.muxer_options = {{"chunk_duration", "3000000"}};
    }
    const auto file = test::make_clip(folder / "a.mp4", clip);
    const auto planned = plan_of(file);
    REQUIRE(planned.recipe);
    const auto by_tables = copy(file, planned, Way::kTables, folder / "tables");
    const auto by_packets = copy(file, planned, Way::kPackets, folder / "packets");
    REQUIRE(by_tables);
    REQUIRE(by_packets);
    CHECK(*by_tables == *by_packets);
    check_same_files(folder / "tables", folder / "packets");
}

TEST_CASE("samples with delimiters are copied through packets, and nothing else is left behind") {
    test::TempFolder folder;
    auto clip = film();
    clip.video[0].options = {{"aud", "1"}};
    const auto file = test::make_clip(folder / "a.mp4", clip);
    const auto planned = plan_of(file);
    REQUIRE(planned.recipe);
    CHECK_FALSE(copy(file, planned, Way::kTables, folder / "tables"));
    CHECK(files_in(folder / "tables").empty());
    const auto either = copy(file, planned, Way::kEither, folder / "either");
    CHECK(either == copy(file, planned, Way::kPackets, folder / "packets"));
    check_same_files(folder / "either", folder / "packets");
}

TEST_CASE("there is no recipe for a file that is no progressive MP4") {
    test::TempFolder folder;
    CHECK_FALSE(plan_of(test::make_clip(folder / "a.mkv", film())).recipe);
    auto fragmented = film();
    fragmented.muxer_options = {{"movflags", "frag_keyframe+empty_moov"}};
    CHECK_FALSE(plan_of(test::make_clip(folder / "a.mp4", fragmented)).recipe);
}

TEST_CASE("a source cut off after planning is told by the way through packets") {
    test::TempFolder folder;
    const auto file = test::make_clip(folder / "a.mp4", film());
    const auto planned = plan_of(file);
    REQUIRE(planned.recipe);
    const auto cut = test::cut_file(file, folder / "cut.mp4", fs::file_size(file) / 2);
    CHECK_FALSE(copy(cut, planned, Way::kEither, folder / "out"));
}
