#include <cmath>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "display.hpp"
#include "progress_model.hpp"
#include "quantities.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

constexpr LineStyle kPlainStyle{80, false, false};

class PlainDisplay final : public Display {
  public:
    PlainDisplay(int fd, std::size_t input_count) : fd_(fd), model_(input_count) {}

    void on_event(const engine::Event& event) override {
        for (const auto& notice : model_.apply(event)) line(notice_line(notice, kPlainStyle));
        const auto* input = model_.find(event.subject);
        if (input == nullptr || !input->active) return;
        if (event.type != "stage" && event.type != "progress") return;
        auto& shown = shown_[event.subject];
        if (shown.stage != input->stage) {
            shown = {input->stage, 0};
            line(fmt::format("{}: {}", input->name, input->stage));
        }
        const int tenth = static_cast<int>(std::floor(input->percent / 10));
        if (tenth <= shown.tenth) return;
        shown.tenth = tenth;
        auto text = fmt::format("{}: {} {} %", input->name, input->stage, tenth * 10);
        if (input->fps > 0) text += fmt::format(", {:.0f} fps", input->fps);
        if (input->speed > 0) text += fmt::format(", {:.2f}x", input->speed);
        if (input->eta_s >= 0) text += fmt::format(", ETA {}", clock_text(input->eta_s));
        if (input->bytes > 0) text += fmt::format(", {}", bytes_text(input->bytes));
        line(text);
    }

    void finish() override {}

  private:
    struct Shown {
        std::string stage;
        int tenth = 0;
    };

    // Progress that cannot be shown is no reason to stop the work.
    void line(const std::string& text) { (void)write_text(fd_, text + "\n"); }

    int fd_;
    ProgressModel model_;
    std::map<std::string, Shown> shown_;
};

class QuietDisplay final : public Display {
  public:
    explicit QuietDisplay(int fd) : fd_(fd), model_(1) {}

    void on_event(const engine::Event& event) override {
        for (const auto& notice : model_.apply(event)) {
            // The summary tells how each input ended.
            if (notice.kind == Notice::Kind::kDone || notice.kind == Notice::Kind::kFailed)
                continue;
            (void)write_text(fd_, notice_line(notice, kPlainStyle) + "\n");
        }
    }

    void finish() override {}

  private:
    int fd_;
    ProgressModel model_;
};

class JsonDisplay final : public Display {
  public:
    JsonDisplay(int fd, std::function<void()> gone) : fd_(fd), gone_(std::move(gone)) {}

    void on_event(const engine::Event& event) override {
        if (failed_) return;
        if (write_text(fd_, event.to_json() + "\n")) return;
        failed_ = true;
        gone_();
    }

    void finish() override {}

  private:
    int fd_;
    std::function<void()> gone_;
    bool failed_ = false;
};

}  // namespace

std::unique_ptr<Display> make_plain_display(int fd, std::size_t input_count) {
    return std::make_unique<PlainDisplay>(fd, input_count);
}

std::unique_ptr<Display> make_json_display(int fd, std::function<void()> gone) {
    return std::make_unique<JsonDisplay>(fd, std::move(gone));
}

std::unique_ptr<Display> make_quiet_display(int fd) {
    return std::make_unique<QuietDisplay>(fd);
}

}  // namespace sg::apps
