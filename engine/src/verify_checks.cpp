#include "verify_checks.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sg::engine {
namespace {

constexpr std::size_t kShown = 5;

void add_rows(const std::string& name,
              const std::string& subject,
              const std::vector<std::string>& shown,
              std::int64_t all,
              bool warning,
              std::vector<Check>& out) {
    for (const auto& detail : shown) out.push_back({name, subject, false, warning, detail});
    const auto more = all - static_cast<std::int64_t>(shown.size());
    if (more > 0) out.push_back({name, subject, false, warning, fmt::format("and {} more", more)});
}

}  // namespace

CheckBook::Topic& CheckBook::topic(std::string_view name, std::string_view subject) {
    // The latest topics are asked for again and again.
    const auto found = std::find_if(topics_.rbegin(), topics_.rend(), [&](const Topic& t) {
        return t.name == name && t.subject == subject;
    });
    if (found != topics_.rend()) return *found;
    Topic made;
    made.name = name;
    made.subject = subject;
    return topics_.emplace_back(std::move(made));
}

void CheckBook::checked(std::string_view name, std::string_view subject, std::int64_t count) {
    topic(name, subject).checked += count;
}

void CheckBook::fail(std::string_view name, std::string_view subject, std::string detail) {
    auto& t = topic(name, subject);
    ++t.failures;
    if (t.shown_failures.size() < kShown) t.shown_failures.push_back(std::move(detail));
}

void CheckBook::warn(std::string_view name, std::string_view subject, std::string detail) {
    auto& t = topic(name, subject);
    ++t.warnings;
    if (t.shown_warnings.size() < kShown) t.shown_warnings.push_back(std::move(detail));
}

void CheckBook::append(const CheckBook& other) {
    for (const auto& from : other.topics_) {
        auto& to = topic(from.name, from.subject);
        to.checked += from.checked;
        to.failures += from.failures;
        to.warnings += from.warnings;
        const auto take = [](const std::vector<std::string>& source,
                             std::vector<std::string>& target) {
            for (const auto& s : source) {
                if (target.size() < kShown) target.push_back(s);
            }
        };
        take(from.shown_failures, to.shown_failures);
        take(from.shown_warnings, to.shown_warnings);
    }
}

std::vector<Check> CheckBook::rows() const {
    std::vector<Check> out;
    for (const auto& t : topics_) {
        add_rows(t.name, t.subject, t.shown_failures, t.failures, false, out);
        add_rows(t.name, t.subject, t.shown_warnings, t.warnings, true, out);
        if (t.failures == 0 && t.warnings == 0)
            out.push_back({t.name, t.subject, true, false, fmt::format("{} checked", t.checked)});
    }
    return out;
}

}  // namespace sg::engine
