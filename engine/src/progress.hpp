#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <pipeline/plan.hpp>

namespace sg::engine {

/// How far an input is, from what its tasks tell. Video frames count when there are any to encode,
/// else audio samples, else bytes.
class Progress {
  public:
    void start_stage(const char* stage, std::int64_t total);
    /// Units that are done without running: an interrupted run did them.
    void already_done(std::int64_t units) { done_before_ += units; }
    void task_finished(const std::string& task, std::int64_t units);
    void task_failed(const std::string& task) { running_.erase(task); }
    /// `counts`: its units are the stage's; else only its bytes are added. False when the message
    /// is not one of progress.
    bool task_progress(const std::string& task, const nlohmann::json& message, bool counts);

    /// Frames in a unit and seconds of media in all units: for fps and speed.
    void set_media(bool frames, double seconds) {
        counts_frames_ = frames;
        media_seconds_ = seconds;
    }
    void set_bytes_done(std::int64_t bytes) { bytes_done_ = bytes; }

    [[nodiscard]] double fraction() const;  ///< of the stage, from 0 to 1
    [[nodiscard]] double speed() const;     ///< media seconds a second

    /// At most four a second unless forced.
    [[nodiscard]] std::optional<nlohmann::json> report(bool force);

  private:
    struct Running {
        std::int64_t done = 0;
        std::int64_t bytes = 0;
    };
    /// Of the stage, since it was started here.
    [[nodiscard]] double gained() const;
    [[nodiscard]] double elapsed_seconds() const;

    const char* stage_ = "";
    std::int64_t total_ = 0;
    std::int64_t done_before_ = 0;
    std::int64_t done_ = 0;
    std::int64_t bytes_done_ = 0;
    bool counts_frames_ = false;
    double media_seconds_ = 0;
    std::map<std::string, Running> running_;
    std::chrono::steady_clock::time_point stage_start_{};
    std::chrono::steady_clock::time_point last_report_{};
};

}  // namespace sg::engine
