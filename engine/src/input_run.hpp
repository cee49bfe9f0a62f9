#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <engine/job_run.hpp>
#include <engine/transcode.hpp>
#include <ingest/spool.hpp>
#include <presets/preset.hpp>
#include <process/supervisor.hpp>

#include "presentation.hpp"
#include "progress.hpp"
#include "reporter.hpp"
#include "source_watch.hpp"
#include "task.hpp"
#include "work_folder.hpp"

namespace sg::engine {

/// One input of a job on its way from source to published presentation. Driven from one thread: it
/// gives tasks, is told their outcomes, and does the small things between them itself.
class InputRun {
  public:
    struct Setup {
        std::size_t index = 0;
        JobInput input;
        std::string name;
        std::filesystem::path folder;
        presets::Preset preset;
        VerifyMode verify = VerifyMode::kQuick;
        PublishMode publish = PublishMode::kEnd;
        bool quality = false;
        RunOptions options;
    };

    InputRun(Setup setup, Reporter& reporter);

    /// Opens the source and takes the work folder. Does not wait for a pipe: a task copies it.
    void start();
    /// Not a plain file. Asked before start().
    [[nodiscard]] bool needs_spooling() const;
    [[nodiscard]] bool spooling() const { return phase_ == Phase::kSpooling; }
    [[nodiscard]] bool started() const { return phase_ != Phase::kNew; }
    [[nodiscard]] bool finished() const { return phase_ == Phase::kDone; }

    /// The best task that can run now. Ids are unique within the run.
    [[nodiscard]] std::optional<JobTask> next_task(const TaskRoom& room);
    void on_progress(std::string_view task, std::string_view payload);
    void on_finished(process::Outcome outcome);
    /// No task of it runs and none will: the job was stopped.
    void cancel();

    [[nodiscard]] const std::string& name() const { return setup_.name; }
    [[nodiscard]] const InputSummary& summary() const { return summary_; }

    [[nodiscard]] InputStage stage() const;
    [[nodiscard]] std::vector<TaskFacts> waiting() const;
    [[nodiscard]] const std::vector<TaskFacts>& found_done() const { return found_done_; }
    [[nodiscard]] EncodingCost cost() const;
    [[nodiscard]] const char* stage_name() const { return stage_; }
    /// Of all it has to do, from 0 to 1.
    [[nodiscard]] double fraction() const;
    [[nodiscard]] double speed() const;
    [[nodiscard]] double heavy_seconds_left() const;

  private:
    enum class Phase {
        kNew,
        kSpooling,
        kPlanning,
        kEncoding,
        kPackaging,
        kVerifying,
        kMeasuring,
        kPublishing,
        kDone
    };

    struct Work {
        std::string name;  ///< "chunk-00003", "audio", "copy", "plan", ...
        TaskKind kind = TaskKind::kPlan;
        std::int64_t chunk = -1;
        TaskWeight weight = TaskWeight::kHeavy;
        double expected_s = 0;
        double media_s = 0;
        int attempt = 0;
        int faults = 0;  ///< crashes and silences of its own
        int kills = 0;   ///< by others
        std::filesystem::path folder;
        std::chrono::steady_clock::time_point begun;
    };

    [[nodiscard]] Status open_source();
    [[nodiscard]] Status take_output_folder();
    void start_planning();
    void on_spooling(std::int64_t bytes);
    [[nodiscard]] Status on_plan(const std::string& result);
    [[nodiscard]] Status load_finished_work();
    [[nodiscard]] Status on_encoded(const Work& work, const std::string& result);
    [[nodiscard]] Status commit_recorded(const std::string& task, const std::string& result);
    [[nodiscard]] Status commit(const std::string& task, TracksDocument result);
    [[nodiscard]] Status on_packaged(const std::string& result);
    [[nodiscard]] Status on_verified(const std::string& result);
    [[nodiscard]] Status on_measured(const std::string& result);
    [[nodiscard]] Status journal_segment(const std::string& payload);
    [[nodiscard]] Status publish_what_is_ready();
    [[nodiscard]] Status next_phase();
    [[nodiscard]] Status start_verification();
    [[nodiscard]] Status clear_earlier();
    [[nodiscard]] Status finish_publishing();
    [[nodiscard]] TaskRequest request_of(const Work& work) const;
    void keep_crash(const Work& work, const process::Outcome& outcome);
    [[nodiscard]] bool retry(Work work, const Error& error, bool from_outside);
    [[nodiscard]] std::filesystem::path work_path() const;
    [[nodiscard]] bool keeps_work() const;
    [[nodiscard]] Work make_work(TaskKind kind, std::int64_t chunk = -1) const;
    void want(TaskKind kind) { waiting_.push_back(make_work(kind)); }
    [[nodiscard]] Status want_unless_recorded(Work work);
    [[nodiscard]] Status read_journals();
    [[nodiscard]] std::deque<Work>::iterator best_waiting(const TaskRoom& room);
    [[nodiscard]] TaskFacts facts_of(const Work& work) const;

    [[nodiscard]] bool measures_progress(TaskKind kind) const;
    void enter(Phase phase, const char* stage);
    void fail(const Error& error);
    void finish();
    void let_go();
    [[nodiscard]] JobTask make_task(Work work);
    [[nodiscard]] std::vector<packagers::TrackIndex> final_tracks() const;
    [[nodiscard]] std::filesystem::path presentation_folder() const;

    Setup setup_;
    Reporter& reporter_;
    Phase phase_ = Phase::kNew;
    const char* stage_ = "open";
    ingest::LocalInput input_;  ///< until it is the source, or was copied into it
    ingest::LocalSource source_;
    std::int64_t spooled_ = 0;  ///< bytes, as last told
    SourceWatch watch_;
    std::optional<WorkFolder> work_;
    bool resumes_ = false;  ///< what lies in the work folder is gone on with
    pipeline::Plan plan_;
    std::string copy_recipe_;    ///< from the plan task, for the copy task
    std::string sample_tables_;  ///< likewise, for all that demultiplex the source
    std::optional<Assembly> assembly_;
    std::deque<Work> waiting_;
    std::vector<TaskFacts> found_done_;    ///< by an interrupted run
    std::map<std::string, Work> running_;  ///< by task id
    std::map<std::string, std::string>
        journal_;  ///< audio segment "name/number" to its digest, from an interrupted run
    std::map<std::string, std::int64_t> counters_;
    std::vector<packagers::TrackIndex>
        packaged_;  ///< with single files filled in; empty when nothing was packaged
    std::size_t published_segments_ = 0;
    Progress progress_;
    std::chrono::steady_clock::time_point started_at_;
    InputSummary summary_;
};

}  // namespace sg::engine
