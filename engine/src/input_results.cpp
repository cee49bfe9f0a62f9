#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <packagers/bandwidth.hpp>
#include <packagers/hls_presentation.hpp>

#include "input_run.hpp"
#include "summary_json.hpp"

// What an input does with the results of its tasks.
namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using pipeline::RenditionMode;

/// Results come from children that may have been taken over by their input.
Result<json> parsed(const std::string& text) {
    auto j = json::parse(text, nullptr, false);
    if (j.is_discarded() || !j.is_object())
        return Error{Errc::kBadData, "a task's result is not JSON"};
    return j;
}

/// Every file that a result names is there, whole.
Status check_files(const fs::path& folder, const std::vector<TrackPart>& parts) {
    const auto check = [&](const fs::path& path, std::uint64_t bytes) -> Status {
        std::error_code ec;
        const auto size = fs::file_size(path, ec);
        if (ec) return errno_error(ec.value(), "look at " + path.string());
        if (size != bytes)
            return Error{
                Errc::kMismatch,
                fmt::format("{} has {} bytes where its task wrote {}", path.string(), size, bytes)};
        return {};
    };
    for (const auto& part : parts) {
        const auto rendition = folder / part.description.rendition;
        SG_TRY(check(rendition / part.description.init_file, part.description.init_bytes));
        for (const auto& s : part.segments)
            SG_TRY(check(rendition / fmt::format("seg-{}.m4s", s.number), s.bytes));
    }
    return {};
}

std::string repair_text(const std::string& counter) {
    if (counter == "decode_errors")
        return "damaged video packets could not be decoded; the picture before is shown";
    if (counter == "corrupt_frames") return "pictures were decoded from damaged data";
    if (counter == "audio_decode_errors")
        return "damaged audio packets could not be decoded; silence stands for them";
    if (counter == "guessed_times") return "pictures without a time were given one";
    if (counter == "audio_late_samples")
        return "samples of silence in front of sound that starts late";
    if (counter == "audio_gaps") return "gaps in the sound were filled with silence";
    if (counter == "audio_overlaps") return "overlapping sound was cut";
    if (counter == "audio_stretched_samples")
        return "samples were added or taken to follow the source's drifting audio clock";
    if (counter == "audio_format_changes")
        return "changes of the audio format in mid-stream were converted";
    return {};
}

}  // namespace

void InputRun::on_spooling(std::int64_t bytes) {
    if (bytes <= spooled_) return;
    spooled_ = bytes;
    reporter_.emit("progress", setup_.name, {{"stage", "spool"}, {"percent", 0}, {"bytes", bytes}});
}

Status InputRun::on_plan(const std::string& text) {
    SG_TRY_ASSIGN(const auto result, parsed(text));
    summary_.read = true;
    SG_TRY_ASSIGN(plan_, pipeline::Plan::from_json(result.value("plan", std::string())));
    copy_recipe_ = result.value("copy", std::string());
    sample_tables_ = result.value("sample_tables", std::string());
    SG_TRY(watch_.check(plan_.source.identity));
    const auto digest = plan_.digest();
    summary_.plan_digest = digest;
    summary_.duration_s = static_cast<double>(plan_.duration_ns) / 1e9;
    for (const auto& w : result.value("warnings", json::array())) {
        reporter_.emit(
            "warning", setup_.name, {{"code", w.value("code", "")}, {"text", w.value("text", "")}});
    }
    for (const auto& r : result.value("repairs", json::array())) {
        summary_.repairs.push_back(
            {r.value("code", ""), r.value("count", std::int64_t{0}), r.value("text", "")});
    }
    for (const auto& n : plan_.notes) {
        // Told as a repair already.
        if (n.code != "source_repair")
            summary_.notes.push_back(fmt::format("{}: {}", n.subject, n.reason));
    }

    if (resumes_) {
        auto earlier = read_file(work_->plan_file(), std::size_t{256} << 20);
        const bool other = earlier && *earlier != plan_.canonical_json();
        if (other && setup_.options.work.empty()) {
            return Error{
                Errc::kInvalidArgument,
                fmt::format("{}: cannot resume, because the source or the preset is not what the "
                            "interrupted run began with; run without --resume to start again",
                            setup_.name)};
        }
        if (other) {
            reporter_.emit("warning",
                           setup_.name,
                           {{"code", "began_again"},
                            {"text",
                             "the source or this program is not what the interrupted run began "
                             "with; everything is made again"}});
        }
        if (!earlier || other) SG_TRY(work_->reset());
    }
    SG_TRY(write_file_atomic(work_->plan_file(), plan_.canonical_json(), Durability::kFsync));
    assembly_.emplace(plan_);

    json renditions = json::array();
    for (const auto& r : plan_.video.renditions) renditions.push_back(r.name);
    for (const auto& r : plan_.audio) renditions.push_back(r.name);
    json notes = json::array();
    for (const auto& n : plan_.notes)
        notes.push_back({{"code", n.code}, {"subject", n.subject}, {"reason", n.reason}});
    reporter_.emit("plan",
                   setup_.name,
                   {{"digest", digest},
                    {"renditions", renditions},
                    {"chunks", plan_.video.chunks.size()},
                    {"segments", plan_.segment_count},
                    {"duration_s", summary_.duration_s},
                    {"notes", notes}});
    SG_TRY(load_finished_work());
    return next_phase();
}

Status InputRun::load_finished_work() {
    enter(Phase::kEncoding, "encode");
    const auto encoded_video = !plan_.video.chunks.empty();
    const auto audio = std::find_if(plan_.audio.begin(), plan_.audio.end(), [](const auto& r) {
        return r.mode == RenditionMode::kEncode;
    });
    const bool any_copy =
        std::any_of(plan_.video.renditions.begin(),
                    plan_.video.renditions.end(),
                    [](const auto& r) { return r.mode == RenditionMode::kCopy; }) ||
        std::any_of(plan_.audio.begin(), plan_.audio.end(), [](const auto& r) {
            return r.mode == RenditionMode::kCopy;
        });
    std::int64_t total = 0;
    if (encoded_video)
        total = plan_.video.grid.frames;
    else if (audio != plan_.audio.end())
        total = audio->samples;
    progress_.start_stage("encode", total);
    progress_.set_media(encoded_video, summary_.duration_s);

    // Audio is serial over the whole film, so it is started first; chunks are in the order that
    // early publishing needs.
    if (audio != plan_.audio.end()) {
        SG_TRY(want_unless_recorded(make_work(TaskKind::kAudio)));
        SG_TRY(read_journals());
    }
    if (any_copy) SG_TRY(want_unless_recorded(make_work(TaskKind::kCopy)));
    for (std::size_t i = 0; i < plan_.video.chunks.size(); ++i)
        SG_TRY(want_unless_recorded(make_work(TaskKind::kVideo, static_cast<std::int64_t>(i))));
    return {};
}

Status InputRun::want_unless_recorded(Work work) {
    SG_TRY_ASSIGN(const auto recorded, work_->recorded_result(work.name));
    if (!recorded) {
        waiting_.push_back(std::move(work));
        return {};
    }
    auto status = commit_recorded(work.name, *recorded);
    if (!status) {
        // The record and the files do not fit together (a disk that lost writes): make them again.
        reporter_.emit("warning",
                       setup_.name,
                       {{"code", "result_discarded"}, {"text", status.error().message}});
        waiting_.push_back(std::move(work));
        return {};
    }
    found_done_.push_back(facts_of(work));
    if (work.chunk >= 0) {
        progress_.already_done(plan_.video.chunks[static_cast<std::size_t>(work.chunk)].frames);
    }
    return {};
}

Status InputRun::read_journals() {
    for (const auto& r : plan_.audio) {
        SG_TRY_ASSIGN(const auto lines, work_->journal(r.name));
        std::size_t at = 0;
        while (at < lines.size()) {
            const auto end = std::min(lines.find('\n', at), lines.size());
            const auto line = json::parse(lines.begin() + static_cast<std::ptrdiff_t>(at),
                                          lines.begin() + static_cast<std::ptrdiff_t>(end),
                                          nullptr,
                                          false);
            // The last line may have been cut off by the crash.
            if (line.is_object())
                journal_[fmt::format("{}/{}", r.name, line.value("number", std::int64_t{0}))] =
                    line.value("sha256", "");
            at = end + 1;
        }
    }
    return {};
}

Status InputRun::on_encoded(const Work& work, const std::string& text) {
    SG_TRY_ASSIGN(auto result, tracks_from_text(text));
    SG_TRY(check_files(work.folder, result.tracks));
    SG_TRY(work_->move_to_stage(work.folder));
    SG_TRY(work_->record_result(work.name, text));
    SG_TRY(commit(work.name, std::move(result)));
    if (work.kind == TaskKind::kVideo) {
        const auto seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - work.begun).count();
        reporter_.emit("chunk.done",
                       setup_.name,
                       {{"chunk", work.chunk}, {"attempt", work.attempt}, {"seconds", seconds}});
    }
    return publish_what_is_ready();
}

Status InputRun::commit_recorded(const std::string& task, const std::string& text) {
    SG_TRY_ASSIGN(auto result, tracks_from_text(text));
    SG_TRY(check_files(work_->stage(), result.tracks));
    return commit(task, std::move(result));
}

Status InputRun::commit(const std::string& task, TracksDocument result) {
    auto status = assembly_->add(std::move(result.tracks));
    if (!status) return status.error().within(task);
    progress_.set_bytes_done(assembly_->bytes());
    if (const auto counters = result.rest.find("counters");
        counters != result.rest.end() && counters->is_object()) {
        for (const auto& [name, value] : counters->items()) {
            if (value.is_number_integer()) counters_[name] += value.get<std::int64_t>();
        }
    }
    const auto damaged = counters_["decode_errors"] + counters_["audio_decode_errors"];
    if (plan_.decode_errors_allowed >= 0 && damaged > plan_.decode_errors_allowed) {
        return Error{Errc::kBadData,
                     fmt::format("decode {}: {} damaged packets, more than the {} that are "
                                 "tolerated (limits.max_decode_errors_percent)",
                                 source_.name,
                                 damaged,
                                 plan_.decode_errors_allowed)};
    }
    return {};
}

Status InputRun::journal_segment(const std::string& payload) {
    SG_TRY_ASSIGN(const auto message, parsed(payload));
    SG_TRY_ASSIGN(const auto part, track_part_from_json(message.at("segment")));
    const auto& name = part.description.rendition;
    const bool planned = std::any_of(
        plan_.audio.begin(), plan_.audio.end(), [&](const auto& r) { return r.name == name; });
    if (!planned || part.segments.size() != 1)
        return Error{Errc::kBadData, "a task reports a segment that is not planned"};
    const auto& segment = part.segments.front();
    const auto known = journal_.find(fmt::format("{}/{}", name, segment.number));
    if (known != journal_.end()) {
        if (known->second == segment.sha256) return {};
        return Error{
            Errc::kMismatch,
            fmt::format("{}: audio segment {} differs from what the interrupted run made, so its "
                        "encoder has changed since; run without --resume to start again",
                        name,
                        segment.number)};
    }
    return work_->append_journal(
        name, json{{"number", segment.number}, {"sha256", segment.sha256}}.dump());
}

Status InputRun::publish_what_is_ready() {
    if (setup_.publish != PublishMode::kEarly || !plan_.packaging.hls_cmaf ||
        plan_.packaging.single_file)
        return {};
    const auto ready = assembly_->common_segments();
    if (ready <= published_segments_) return {};
    SG_TRY(clear_earlier());
    const auto tracks = assembly_->tracks(ready);
    for (const auto& track : tracks) {
        const auto& name = track.description.rendition;
        SG_TRY(make_folders(setup_.folder / name));
        SG_TRY(link_file(work_->stage() / name / track.description.init_file,
                         setup_.folder / name / track.description.init_file));
        for (std::size_t i = published_segments_; i < ready; ++i) {
            const auto file = fmt::format("seg-{}.m4s", track.segments[i].number);
            SG_TRY(link_file(work_->stage() / name / file, setup_.folder / name / file));
        }
    }
    SG_TRY(write_growing_playlists(setup_.folder, plan_, tracks));
    published_segments_ = ready;
    reporter_.emit("published.early",
                   setup_.name,
                   {{"segments", ready}, {"manifest", (setup_.folder / "index.m3u8").string()}});
    return {};
}

Status InputRun::on_packaged(const std::string& text) {
    SG_TRY_ASSIGN(const auto result, parsed(text));
    packaged_ = assembly_->tracks();
    const auto files = result.find("single_files");
    if (files == result.end() || !files->is_array()) return {};
    for (const auto& f : *files) {
        for (auto& track : packaged_) {
            if (track.description.rendition != f.value("rendition", "")) continue;
            packagers::SingleFile single;
            single.name = f.value("name", "");
            single.index_offset = f.value("index_offset", std::uint64_t{0});
            single.index_bytes = f.value("index_bytes", std::uint64_t{0});
            single.media_offset = f.value("media_offset", std::uint64_t{0});
            track.single_file = single;
        }
    }
    return {};
}

Status InputRun::on_verified(const std::string& text) {
    SG_TRY_ASSIGN(const auto result, parsed(text));
    std::string first;
    std::int64_t failed = 0;
    for (const auto& check : result.value("checks", json::array())) {
        if (check.value("ok", false) || check.value("warning", false)) continue;
        if (failed++ == 0)
            first = fmt::format("{} {}: {}",
                                check.value("name", ""),
                                check.value("subject", ""),
                                check.value("detail", ""));
    }
    if (failed > 0) {
        return Error{
            Errc::kMismatch,
            fmt::format("verify {}: {} check(s) failed; nothing was published. The first: {}",
                        setup_.name,
                        failed,
                        first)};
    }
    return {};
}

Status InputRun::on_measured(const std::string& text) {
    SG_TRY_ASSIGN(const auto result, parsed(text));
    for (const auto& r : result.value("renditions", json::array())) {
        RenditionSummary measured;
        measured.name = r.value("name", "");
        measured.psnr = r.value("psnr", 0.0);
        measured.ssim = r.value("ssim", 0.0);
        summary_.renditions.push_back(measured);
    }
    return {};
}

std::vector<packagers::TrackIndex> InputRun::final_tracks() const {
    return packaged_.empty() ? assembly_->tracks() : packaged_;
}

/// What --overwrite replaces goes before anything takes its place; also when the run that was told
/// so was interrupted, and this one goes on with it.
Status InputRun::clear_earlier() {
    if (published_segments_ > 0 || (!setup_.options.overwrite && !setup_.options.resume)) return {};
    const auto ledger = read_ledger(setup_.folder);
    const bool ours = ledger && resumes_ && ledger->plan_digest == plan_.digest();
    return !ledger || ours ? Status() : unpublish(setup_.folder, *ledger);
}

Status InputRun::finish_publishing() {
    SG_TRY(clear_earlier());
    SG_TRY(publish(presentation_folder(), setup_.folder));
    const auto tracks = final_tracks();
    const auto target = packagers::final_target_seconds(tracks);
    auto measured = std::move(summary_.renditions);
    summary_.renditions.clear();
    for (const auto& t : tracks) {
        const auto& d = t.description;
        RenditionSummary r;
        r.name = d.rendition;
        r.codecs = d.codecs;
        r.width = d.width;
        r.height = d.height;
        r.frame_rate =
            d.frame_rate_num > 0 ? static_cast<double>(d.frame_rate_num) / d.frame_rate_den : 0;
        r.language = d.language;
        r.channels = d.channels;
        r.segments = static_cast<std::int64_t>(t.segments.size());
        r.bytes = static_cast<std::int64_t>(d.init_bytes);
        for (const auto& s : t.segments) r.bytes += static_cast<std::int64_t>(s.bytes);
        const auto rate = packagers::measured_bitrate(t, target);
        r.average_bps = static_cast<std::int64_t>(rate.average);
        r.peak_bps = static_cast<std::int64_t>(rate.peak);
        const auto same_name = [&](const auto& other) { return other.name == r.name; };
        if (const auto m = std::find_if(measured.begin(), measured.end(), same_name);
            m != measured.end()) {
            r.psnr = m->psnr;
            r.ssim = m->ssim;
        }
        const auto video =
            std::find_if(plan_.video.renditions.begin(), plan_.video.renditions.end(), same_name);
        const auto audio = std::find_if(plan_.audio.begin(), plan_.audio.end(), same_name);
        r.copied = (video != plan_.video.renditions.end() && video->mode == RenditionMode::kCopy) ||
                   (audio != plan_.audio.end() && audio->mode == RenditionMode::kCopy);
        summary_.renditions.push_back(std::move(r));
    }
    for (const auto& [name, count] : counters_) {
        if (const auto repair = repair_text(name); count > 0 && !repair.empty())
            summary_.repairs.push_back({name, count, repair});
    }
    for (const auto& m : manifest_names(plan_)) summary_.manifests.push_back(setup_.folder / m);
    if (!keeps_work()) work_->remove();
    summary_.ok = true;
    json manifests = json::array();
    for (const auto& m : summary_.manifests) manifests.push_back(m.string());
    reporter_.emit("published", setup_.name, {{"manifests", manifests}});
    finish();
    return {};
}

void InputRun::finish() {
    phase_ = Phase::kDone;
    let_go();
    summary_.wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at_).count();
    summary_.speed = summary_.wall_s > 0 ? summary_.duration_s / summary_.wall_s : 0;
    reporter_.emit("input.finished", setup_.name, finished_json(summary_));
}

}  // namespace sg::engine
