#include "input_run.hpp"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "summary_json.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using pipeline::RenditionMode;

/// A crash may be the machine's fault once; twice it is the input's or ours.
constexpr int kFaults = 2;
/// Whoever kills tasks that are not his may do it more often.
constexpr int kKills = 5;

bool needs_packaging(const pipeline::Plan& plan) {
    return plan.packaging.hls_ts || plan.packaging.single_file;
}

/// Running again can go on from what is there: nothing is wrong with the input or the wish.
bool may_resume(Errc code) {
    switch (code) {
        case Errc::kNoSpace:
        case Errc::kCancelled:
        case Errc::kCrashed:
        case Errc::kTimeout:
        case Errc::kIo:
        case Errc::kLimit:
            return true;
        default:
            return false;
    }
}

bool writes_attempt(TaskKind kind) {
    return kind == TaskKind::kVideo || kind == TaskKind::kAudio || kind == TaskKind::kCopy;
}

}  // namespace

InputRun::InputRun(Setup setup, Reporter& reporter)
    : setup_(std::move(setup)), reporter_(reporter) {
    summary_.uri = setup_.input.uri;
    summary_.name = setup_.name;
    summary_.folder = setup_.folder;
}

void InputRun::enter(Phase phase, const char* stage) {
    phase_ = phase;
    stage_ = stage;
    reporter_.emit("stage", setup_.name, {{"stage", stage}});
}

void InputRun::start() {
    started_at_ = std::chrono::steady_clock::now();
    reporter_.emit("input.started",
                   setup_.name,
                   {{"uri", setup_.input.uri}, {"folder", setup_.folder.string()}});
    enter(Phase::kPlanning, "open");
    auto status = take_output_folder();
    summary_.output_refused = !status;
    if (status && phase_ != Phase::kDone) status = open_source();
    if (!status) {
        fail(status.error());
        return;
    }
    if (phase_ == Phase::kDone) return;
    if (!source_.spooled) {
        start_planning();
        return;
    }
    enter(Phase::kSpooling, "spool");
    want(TaskKind::kSpool);
}

void InputRun::start_planning() {
    watch_ = SourceWatch(source_.fd.get(), source_.name);
    enter(Phase::kPlanning, "index");
    progress_.start_stage("index", 0);
    want(TaskKind::kPlan);
}

bool InputRun::needs_spooling() const {
    std::error_code ec;
    return !setup_.options.open_source && !fs::is_regular_file(setup_.input.uri, ec);
}

fs::path InputRun::work_path() const {
    const auto& all = setup_.options.work;
    return all.empty() ? setup_.folder / WorkFolder::kName : all / setup_.name;
}

bool InputRun::keeps_work() const {
    return setup_.options.keep_work || !setup_.options.work.empty();
}

Status InputRun::take_output_folder() {
    std::error_code unseen;
    if (!setup_.options.work.empty() && fs::exists(work_path(), unseen)) {
        // The first run took the output folder; what it published there is this job's.
        resumes_ = true;
        return {};
    }
    resumes_ = setup_.options.resume;
    // What cannot be looked at cannot be written either; the error comes from there, in words.
    const auto there = [this](const char* name) {
        std::error_code ignored;
        return fs::exists(setup_.folder / name, ignored);
    };
    if (auto ledger = read_ledger(setup_.folder); ledger) {
        if (resumes_ && !there(WorkFolder::kName)) {
            WorkFolder::remove_rest(work_path());
            reporter_.emit("warning",
                           setup_.name,
                           {{"code", "already_complete"},
                            {"text", "the output is already complete; nothing to resume"}});
            summary_.ok = summary_.read = true;
            for (const auto& m : ledger->files) summary_.manifests.push_back(setup_.folder / m);
            finish();
            return {};
        }
        if (!setup_.options.overwrite && !resumes_) {
            return Error{Errc::kInvalidArgument,
                         fmt::format("{} already holds a presentation (made with {}); give "
                                     "--overwrite to replace it, or another folder with -o",
                                     setup_.folder.string(),
                                     ledger->preset)};
        }
    } else if (!setup_.options.overwrite && !resumes_ &&
               (there("index.m3u8") || there("manifest.mpd"))) {
        return Error{
            Errc::kInvalidArgument,
            there(WorkFolder::kName)
                ? fmt::format("{} holds what an interrupted run has published so far; give "
                              "--resume to go on with it, or --overwrite to begin again",
                              setup_.folder.string())
                : fmt::format("{} already holds a presentation that is not ours; choose another "
                              "folder with -o",
                              setup_.folder.string())};
    }
    return {};
}

Status InputRun::open_source() {
    // Looked at before the output folder is made, so that a wrong name leaves nothing behind.
    const auto& uri = setup_.input.uri;
    if (setup_.options.open_source) {
        SG_TRY_ASSIGN(input_.fd, setup_.options.open_source(uri));
        input_.name = fs::path(uri).filename().string();
    } else {
        if (uri.starts_with("upload:")) {
            return Error{Errc::kInvalidArgument,
                         fmt::format("open {}: uploads are known to a server only; submit the job "
                                     "there, or name a file",
                                     uri)};
        }
        SG_TRY_ASSIGN(input_, ingest::open_input(uri));
    }
    source_.name = input_.name;
    source_.spooled = input_.kind != ingest::InputKind::kFile;
    auto work = WorkFolder::open(setup_.folder, work_path());
    summary_.output_refused = !work;
    if (!work) return std::move(work).error();
    work_ = std::move(*work);
    if (source_.spooled) {
        SG_TRY_ASSIGN(source_.fd, ingest::temporary_file(work_->path()));
    } else {
        source_.fd = std::move(input_.fd);
    }
    if (resumes_) return work_->clear_attempts();
    if (auto ledger = read_ledger(setup_.folder); !ledger) {
        // A run that is not gone on with may have shown a part: no ledger will ever list that.
        withdraw(work_->stage(), setup_.folder);
        withdraw(work_->final(), setup_.folder);
    }
    return work_->reset();
}

std::optional<JobTask> InputRun::next_task(const TaskRoom& room) {
    if (phase_ == Phase::kPublishing && room.publish) {
        if (auto status = finish_publishing(); !status) fail(status.error());
        return std::nullopt;
    }
    const auto best = best_waiting(room);
    if (best == waiting_.end()) return std::nullopt;
    Work work = std::move(*best);
    waiting_.erase(best);
    ++work.attempt;
    if (writes_attempt(work.kind)) {
        auto folder = work_->make_attempt(work.name, work.attempt);
        if (!folder) {
            fail(folder.error());
            return std::nullopt;
        }
        work.folder = *folder;
    } else {
        // Quality is measured on the CMAF segments, whatever is published of them.
        work.folder = work.kind == TaskKind::kQuality ? work_->stage() : presentation_folder();
    }
    return make_task(std::move(work));
}

TaskRequest InputRun::request_of(const Work& work) const {
    TaskRequest request;
    request.kind = work.kind;
    request.source_name = source_.name;
    request.chunk = work.chunk;
    request.folder = work.folder;
    request.verify = setup_.verify;
    if (work.kind == TaskKind::kPlan) {
        request.preset = presets::canonical_json(setup_.preset);
        request.cache = work_->path();
    } else {
        request.plan = plan_.canonical_json();
        request.sample_tables = sample_tables_;
    }
    if (work.kind == TaskKind::kCopy) request.copy = copy_recipe_;
    if (work.kind == TaskKind::kPackage) {
        std::vector<TrackPart> parts;
        for (auto& t : assembly_->tracks())
            parts.push_back({std::move(t.description), std::move(t.segments)});
        std::vector<const TrackPart*> tracks;
        for (const auto& p : parts) tracks.push_back(&p);
        request.tracks = tracks_text(json::object(), tracks);
        request.stage = work_->stage();
    }
    if (work.kind == TaskKind::kSpool) {
        if (input_.kind == ingest::InputKind::kImages) request.images = setup_.input.uri;
        request.spool_bytes = setup_.preset.limits.spool_bytes;
        request.open_seconds = setup_.options.open_seconds;
    }
    return request;
}

JobTask InputRun::make_task(Work work) {
    const auto request = request_of(work);
    process::Task task;
    task.id =
        fmt::format("{}{}/{}#{}", setup_.options.task_prefix, setup_.name, work.name, work.attempt);
    task.request = request.to_json();
    if (work.kind != TaskKind::kPackage && work.kind != TaskKind::kVerify) {
        // A descriptor of its own: children must not share the file offset of ours, nor close it.
        task.request_fds.emplace_back(::fcntl(source_.fd.get(), F_DUPFD_CLOEXEC, 0));
    }
    if (work.kind == TaskKind::kSpool) {
        // Ours goes, so that the writer notices when the task does.
        if (input_.fd.valid()) task.request_fds.push_back(std::move(input_.fd));
        task.takes_slot = false;
    }
    if (work.weight == TaskWeight::kBeside) task.takes_slot = false;
    task.spawn.executable = setup_.options.program;
    task.spawn.environment = task_environment(work.kind);
    task.progress_timeout = std::chrono::seconds(setup_.options.stall_seconds);
    task.memory_limit_bytes = static_cast<std::uint64_t>(setup_.options.memory_limit_bytes);
    log::debug("task_start id={}", task.id);
    work.begun = std::chrono::steady_clock::now();
    JobTask job_task{facts_of(work), std::move(task)};
    job_task.facts.id = job_task.task.id;
    running_.emplace(job_task.task.id, std::move(work));
    return job_task;
}

/// Frames tell how far encoding is; without video to encode samples do, else the bytes of a copy.
bool InputRun::measures_progress(TaskKind kind) const {
    if (phase_ != Phase::kEncoding) return true;
    if (!plan_.video.chunks.empty()) return kind == TaskKind::kVideo;
    const bool encodes_audio =
        std::any_of(plan_.audio.begin(), plan_.audio.end(), [](const auto& r) {
            return r.mode == RenditionMode::kEncode;
        });
    return encodes_audio ? kind == TaskKind::kAudio : kind == TaskKind::kCopy;
}

void InputRun::on_progress(std::string_view task, std::string_view payload) {
    const auto message = json::parse(payload, nullptr, false);
    if (message.is_discarded()) return;
    if (phase_ == Phase::kSpooling) {
        const auto bytes = message.is_object() ? message.find("spooled") : message.end();
        if (bytes != message.end() && bytes->is_number_integer())
            on_spooling(bytes->get<std::int64_t>());
        return;
    }
    if (message.is_object() && message.contains("segment")) {
        if (auto status = journal_segment(std::string(payload)); !status) fail(status.error());
        return;
    }
    const auto at = running_.find(std::string(task));
    if (at == running_.end() ||
        !progress_.task_progress(at->first, message, measures_progress(at->second.kind)))
        return;
    if (auto data = progress_.report(false)) reporter_.emit("progress", setup_.name, *data);
}

bool InputRun::retry(Work work, const Error& error, bool from_outside) {
    const bool fault = error.code == Errc::kCrashed || error.code == Errc::kTimeout;
    const bool worth = from_outside ? ++work.kills < kKills : fault && ++work.faults < kFaults;
    // What came out of a pipe does not come again.
    const bool again = worth && work.kind != TaskKind::kSpool;
    reporter_.emit("task.failed",
                   setup_.name,
                   {{"task", work.name},
                    {"attempt", work.attempt},
                    {"code", errc_name(error.code)},
                    {"message", error.message},
                    {"retry", again}});
    if (again) waiting_.push_front(std::move(work));
    return again;
}

void InputRun::on_finished(process::Outcome outcome) {
    const auto node = running_.extract(outcome.id);
    if (node.empty()) return;
    const Work work = node.mapped();
    summary_.cpu_s +=
        std::chrono::duration<double>(outcome.usage.user_cpu + outcome.usage.system_cpu).count();
    summary_.peak_rss_bytes =
        std::max(summary_.peak_rss_bytes, static_cast<std::int64_t>(outcome.usage.peak_rss_bytes));
    if (phase_ == Phase::kDone) {
        if (work_ && writes_attempt(work.kind)) work_->remove_attempt(work.folder);
        return;
    }
    keep_crash(work, outcome);
    // Before its result counts, and before a changed source is blamed on the task.
    Status status;
    if (work.kind != TaskKind::kSpool && work.kind != TaskKind::kPlan &&
        work.kind != TaskKind::kPackage && work.kind != TaskKind::kVerify)
        status = watch_.check(plan_.source.identity);
    if (!status) {
        progress_.task_failed(outcome.id);
        if (writes_attempt(work.kind)) work_->remove_attempt(work.folder);
    } else if (!outcome.result) {
        progress_.task_failed(outcome.id);
        if (writes_attempt(work.kind)) work_->remove_attempt(work.folder);
        const auto& error = outcome.result.error();
        if (error.code != Errc::kCancelled && retry(work, error, outcome.from_outside)) return;
        summary_.from_outside = outcome.from_outside;
        status = std::move(outcome.result).error();
    } else {
        switch (work.kind) {
            case TaskKind::kSpool:
                start_planning();
                break;
            case TaskKind::kPlan:
                status = on_plan(*outcome.result);
                break;
            case TaskKind::kVideo:
            case TaskKind::kAudio:
            case TaskKind::kCopy:
                status = on_encoded(work, *outcome.result);
                break;
            case TaskKind::kPackage:
                status = on_packaged(*outcome.result);
                break;
            case TaskKind::kVerify:
                status = on_verified(*outcome.result);
                break;
            case TaskKind::kQuality:
                status = on_measured(*outcome.result);
                break;
            case TaskKind::kProbe:
            case TaskKind::kLive:
            case TaskKind::kPull:
                break;  // never part of a job
        }
        if (status)
            progress_.task_finished(
                outcome.id,
                work.chunk >= 0 ? plan_.video.chunks[static_cast<std::size_t>(work.chunk)].frames
                                : 0);
        if (status && phase_ != Phase::kDone) {
            if (auto data = progress_.report(true)) reporter_.emit("progress", setup_.name, *data);
        }
    }
    if (status) status = next_phase();
    if (!status) fail(status.error());
}

Status InputRun::next_phase() {
    if (!waiting_.empty() || !running_.empty()) return {};
    switch (phase_) {
        case Phase::kEncoding:
            if (!assembly_->complete()) {
                return Error{
                    Errc::kInternal,
                    fmt::format("{}: all tasks are done, but segments are missing", setup_.name)};
            }
            if (needs_packaging(plan_)) {
                enter(Phase::kPackaging, "package");
                progress_.start_stage("package", 0);
                want(TaskKind::kPackage);
                return {};
            }
            return start_verification();
        case Phase::kPackaging:
            return start_verification();
        case Phase::kVerifying:
            if (setup_.quality) {
                enter(Phase::kMeasuring, "quality");
                progress_.start_stage("quality", 0);
                want(TaskKind::kQuality);
                return {};
            }
            enter(Phase::kPublishing, "publish");
            return {};
        case Phase::kMeasuring:
            enter(Phase::kPublishing, "publish");
            return {};
        default:
            return {};
    }
}

Status InputRun::start_verification() {
    const auto tracks = final_tracks();
    SG_TRY(write_manifests(presentation_folder(), plan_, tracks));
    if (setup_.verify == VerifyMode::kOff) {
        phase_ = Phase::kVerifying;
        return next_phase();
    }
    enter(Phase::kVerifying, "verify");
    progress_.start_stage("verify", 0);
    want(TaskKind::kVerify);
    return {};
}

fs::path InputRun::presentation_folder() const {
    return needs_packaging(plan_) ? work_->final() : work_->stage();
}

void InputRun::fail(const Error& error) {
    if (phase_ == Phase::kDone) return;
    phase_ = Phase::kDone;
    let_go();
    waiting_.clear();
    summary_.ok = false;
    summary_.error = error;
    summary_.stage = stage_;
    summary_.wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at_).count();
    summary_.resumable = work_ && summary_.read && may_resume(error.code) && !source_.spooled;
    if (work_) {
        if (!summary_.resumable && !keeps_work()) {
            // An error of the command, not of the run, must not cost what an interrupted run left.
            if (!(resumes_ && error.code == Errc::kInvalidArgument)) work_->remove();
        } else if (!keeps_work()) {
            static_cast<void>(work_->clear_attempts());
        }
    }
    reporter_.emit("input.failed", setup_.name, failed_json(summary_));
}

/// A batch must not hold the descriptors and copies of all its inputs until its end.
void InputRun::let_go() {
    watch_ = {};
    input_.fd.reset();
    source_.fd.reset();
}

void InputRun::cancel() {
    if (phase_ == Phase::kDone) return;
    fail(Error{Errc::kCancelled, fmt::format("{}: stopped", setup_.name)});
}

}  // namespace sg::engine
