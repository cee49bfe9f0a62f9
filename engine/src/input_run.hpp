#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

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

    /// A task that can run now. Ids are unique within the run.
    [[nodiscard]] std::optional<process::Task> next_task();
    void on_progress(std::string_view task, std::string_view payload);
    void on_finished(process::Outcome outcome);
    /// No task of it runs and none will: the job was stopped.
    void cancel();

    [[nodiscard]] const std::string& name() const { return setup_.name; }
    [[nodiscard]] const InputSummary& summary() const { return summary_; }

  private:
    enum class Phase {
        kNew,
        kSpooling,
        kPlanning,
        kEncoding,
        kPackaging,
        kVerifying,
        kMeasuring,
        kDone
    };

    struct Work {
        std::string name;  ///< "chunk-00003", "audio", "copy", "plan", ...
        TaskKind kind = TaskKind::kPlan;
        std::int64_t chunk = -1;
        int attempt = 0;
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
    [[nodiscard]] Status finish_publishing();
    [[nodiscard]] bool retry(const Work& work, const Error& error);

    [[nodiscard]] bool measures_progress(TaskKind kind) const;
    void enter(Phase phase, const char* stage);
    void fail(const Error& error);
    void finish();
    void let_go();
    [[nodiscard]] process::Task make_task(Work work);
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
    pipeline::Plan plan_;
    std::string copy_recipe_;    ///< from the plan task, for the copy task
    std::string sample_tables_;  ///< likewise, for all that demultiplex the source
    std::optional<Assembly> assembly_;
    std::deque<Work> waiting_;
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
