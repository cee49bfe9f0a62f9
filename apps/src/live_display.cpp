#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "display.hpp"
#include "progress_model.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

constexpr auto kFrameTime = std::chrono::milliseconds(100);
constexpr std::string_view kNoWrap = "\x1b[?7l";
constexpr std::string_view kWrap = "\x1b[?7h";
constexpr std::string_view kClearBelow = "\x1b[J";

std::size_t visible_width(std::string_view line) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\x1b') {
            while (i < line.size() && line[i] != 'm') ++i;
        } else {
            text += line[i];
        }
    }
    return text_width(text);
}

class LiveDisplay final : public Display {
  public:
    LiveDisplay(int fd, std::size_t input_count)
        : fd_(fd),
          colour_(colour_allowed()),
          utf8_(locale_is_utf8()),
          model_(input_count),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    ~LiveDisplay() override { finish(); }

    void on_event(const engine::Event& event) override {
        const std::scoped_lock lock(mutex_);
        for (auto& notice : model_.apply(event)) notices_.push_back(std::move(notice));
    }

    void finish() override {
        if (!thread_.joinable()) return;
        thread_.request_stop();
        thread_.join();
    }

  private:
    void run(const std::stop_token& stop) {
        std::mutex sleep;
        std::condition_variable_any woken;
        while (!stop.stop_requested()) {
            draw(false);
            std::unique_lock lock(sleep);
            woken.wait_for(lock, stop, kFrameTime, [] { return false; });
        }
        draw(true);
    }

    void draw(bool last) {
        const auto size = terminal_size(fd_);
        const LineStyle style{size.columns, colour_, utf8_};
        std::vector<std::string> lines;
        std::vector<Notice> notices;
        {
            const std::scoped_lock lock(mutex_);
            notices = std::exchange(notices_, {});
            // What is still active at the end was interrupted: its line has nothing more to say.
            if (!last)
                lines = progress_lines(model_, style, std::max<std::size_t>(size.rows, 2) - 1);
        }
        if (notices.empty() && lines == drawn_ && size.columns == drawn_columns_) return;

        // One write holds a whole frame, and leaves the terminal as it was: a process that is
        // killed leaves nothing behind.
        std::string out;
        const auto rows = drawn_rows(size.columns);
        if (rows > 0) out += fmt::format("\x1b[{}A", rows);
        out += '\r';
        out += kClearBelow;
        for (const auto& notice : notices) out += notice_line(notice, style) + "\n";
        out += kNoWrap;
        for (const auto& line : lines) out += line + "\n";
        out += kWrap;
        drawn_ = std::move(lines);
        drawn_columns_ = size.columns;
        if (!write_text(fd_, out)) drawn_.clear();
    }

    // A terminal that was made narrower has wrapped what was drawn.
    [[nodiscard]] std::size_t drawn_rows(std::size_t columns) const {
        std::size_t rows = 0;
        for (const auto& line : drawn_) {
            rows += std::max<std::size_t>(1, (visible_width(line) + columns - 1) / columns);
        }
        return rows;
    }

    int fd_;
    bool colour_;
    bool utf8_;
    std::mutex mutex_;
    ProgressModel model_;
    std::vector<Notice> notices_;
    // Of the drawing thread.
    std::vector<std::string> drawn_;
    std::size_t drawn_columns_ = 0;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Display> make_live_display(int fd, std::size_t input_count) {
    return std::make_unique<LiveDisplay>(fd, input_count);
}

}  // namespace sg::apps
