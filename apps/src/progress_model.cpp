#include "progress_model.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "quantities.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

double number(const nlohmann::json& data, const char* key, double otherwise) {
    const auto at = data.find(key);
    return at != data.end() && at->is_number() ? at->get<double>() : otherwise;
}

std::string text(const nlohmann::json& data, const char* key) {
    const auto at = data.find(key);
    return at != data.end() && at->is_string() ? printable(at->get<std::string>()) : std::string();
}

std::string done_text(const std::string& name, const nlohmann::json& data) {
    auto line = fmt::format("{}: {} in {}",
                            name,
                            clock_text(number(data, "duration_s", 0)),
                            seconds_text(number(data, "wall_s", 0)));
    const double speed = number(data, "speed", 0);
    if (speed > 0) line += fmt::format(" ({:.2f}x)", speed);
    const auto folder = text(data, "folder");
    if (!folder.empty()) line += " -> " + folder;
    return line;
}

}  // namespace

InputProgress& ProgressModel::entry(const std::string& subject) {
    for (auto& known : entries_) {
        if (known.subject == subject) return known.progress;
    }
    InputProgress fresh;
    fresh.name = printable(subject);
    fresh.stage = "starting";
    entries_.push_back({subject, std::move(fresh)});
    return entries_.back().progress;
}

const InputProgress* ProgressModel::find(std::string_view subject) const {
    for (const auto& known : entries_) {
        if (known.subject == subject) return &known.progress;
    }
    return nullptr;
}

std::vector<Notice> ProgressModel::apply(const engine::Event& event) {
    if (event.subject.empty()) return {};
    auto data = nlohmann::json::parse(event.data, nullptr, false);
    if (!data.is_object()) data = nlohmann::json::object();
    auto& input = entry(event.subject);

    if (event.type == "stage") {
        input.stage = text(data, "stage");
        input.percent = 0;
        input.eta_s = -1;
    } else if (event.type == "progress") {
        if (data.contains("stage")) input.stage = text(data, "stage");
        input.percent = std::clamp(number(data, "percent", input.percent), 0.0, 100.0);
        input.fps = number(data, "fps", input.fps);
        input.speed = number(data, "speed", input.speed);
        input.eta_s = number(data, "eta_s", -1);
        input.bytes =
            static_cast<std::int64_t>(number(data, "bytes", static_cast<double>(input.bytes)));
    } else if (event.type == "warning") {
        return {{Notice::Kind::kWarning, fmt::format("{}: {}", input.name, text(data, "text"))}};
    } else if (event.type == "task.failed") {
        const auto retry = data.value("retry", nlohmann::json(false));
        // For good: the input's failure follows and says why.
        if (!retry.is_boolean() || !retry.get<bool>()) return {};
        return {{Notice::Kind::kWarning,
                 fmt::format("{}: {}: {}; trying again",
                             input.name,
                             text(data, "task"),
                             text(data, "message"))}};
    } else if (event.type == "input.finished") {
        if (input.active) ++done_;
        input.active = false;
        return {{Notice::Kind::kDone, done_text(input.name, data)}};
    } else if (event.type == "input.failed") {
        if (input.active) ++failed_;
        input.active = false;
        if (text(data, "code") == "cancelled") {
            return {{Notice::Kind::kWarning, fmt::format("{}: interrupted", input.name)}};
        }
        return {{Notice::Kind::kFailed, fmt::format("{}: {}", input.name, text(data, "message"))}};
    }
    return {};
}

std::vector<InputProgress> ProgressModel::active() const {
    std::vector<InputProgress> found;
    for (const auto& known : entries_) {
        if (known.progress.active) found.push_back(known.progress);
    }
    return found;
}

}  // namespace sg::apps
