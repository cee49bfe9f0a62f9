#include <telemetry/health.hpp>

namespace sg::telemetry {

void Health::add(std::string name, std::function<std::string()> check) {
    const std::lock_guard lock(mutex_);
    checks_.emplace_back(std::move(name), std::move(check));
}

void Health::note(std::string name, std::string text) {
    note(std::move(name), [text = std::move(text)] { return text; });
}

void Health::note(std::string name, std::function<std::string()> text) {
    const std::lock_guard lock(mutex_);
    notes_.emplace_back(std::move(name), std::move(text));
}

Health::Report Health::report() const {
    const std::lock_guard lock(mutex_);
    Report report;
    for (const auto& [name, check] : checks_) {
        const std::string wrong = check();
        report.text += name + (wrong.empty() ? " ok" : " failed: " + wrong) + '\n';
        report.ready = report.ready && wrong.empty();
    }
    for (const auto& [name, text] : notes_) report.text += name + " " + text() + '\n';
    return report;
}

}  // namespace sg::telemetry
