#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <engine/event.hpp>

namespace sg::apps {

/// What is known of one input while it runs.
struct InputProgress {
    std::string name;  ///< printable
    std::string stage;
    double percent = 0;
    double fps = 0;
    double speed = 0;
    double eta_s = -1;  ///< negative: not known
    std::int64_t bytes = 0;
    bool active = true;
};

/// A line that stays: an input that ended, a warning, a task that is tried again.
struct Notice {
    enum class Kind { kDone, kFailed, kWarning };
    Kind kind = Kind::kDone;
    std::string text;  ///< printable
};

/// The state of a job as its events tell it. No output, no clock.
class ProgressModel {
  public:
    explicit ProgressModel(std::size_t input_count) : input_count_(input_count) {}

    /// Notices that the event brings.
    [[nodiscard]] std::vector<Notice> apply(const engine::Event& event);

    /// Those that run now, in order of their start.
    [[nodiscard]] std::vector<InputProgress> active() const;
    [[nodiscard]] std::size_t input_count() const { return input_count_; }
    [[nodiscard]] std::size_t done() const { return done_; }
    [[nodiscard]] std::size_t failed() const { return failed_; }
    [[nodiscard]] const InputProgress* find(std::string_view subject) const;

  private:
    struct Entry {
        std::string subject;
        InputProgress progress;
    };
    InputProgress& entry(const std::string& subject);

    std::vector<Entry> entries_;
    std::size_t input_count_;
    std::size_t done_ = 0;
    std::size_t failed_ = 0;
};

struct LineStyle {
    std::size_t columns = 80;
    bool colour = false;
    bool utf8 = true;
};

/// One line of exactly at most `columns` columns for each active input, and a total when there are
/// several inputs.
[[nodiscard]] std::vector<std::string> progress_lines(const ProgressModel& model,
                                                      const LineStyle& style,
                                                      std::size_t max_lines);

[[nodiscard]] std::string notice_line(const Notice& notice, const LineStyle& style);

}  // namespace sg::apps
