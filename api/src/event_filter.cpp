#include "event_filter.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "query.hpp"

namespace sg::api {
namespace {

/// Of docs/events.md. One that is not told anywhere would be waited for in vain.
constexpr std::array<std::string_view, 22> kTypes{
    "job.accepted",   "job.queued",          "job.planning",     "job.running",   "job.verifying",
    "job.publishing", "job.succeeded",       "job.failed",       "job.cancelled", "job.cancelling",
    "job.changed",    "job.outputs_deleted", "job.progress",     "task.started",  "task.finished",
    "task.failed",    "channel.started",     "channel.switched", "channel.ended", "upload.finished",
    "webhook.dead",   "webhook.test"};

constexpr std::size_t kMaxEntries = 50;
constexpr std::size_t kMaxEntryBytes = 200;

bool is_type(std::string_view text) {
    if (text == "*") return true;
    if (text.ends_with(".*")) text.remove_suffix(2);
    return !text.empty() && text.size() <= kMaxEntryBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
           });
}

bool is_told(std::string_view wanted) {
    if (wanted == "*") return true;
    if (!wanted.ends_with(".*")) return std::ranges::find(kTypes, wanted) != kTypes.end();
    wanted.remove_suffix(1);
    return std::ranges::any_of(kTypes, [&](auto type) { return type.starts_with(wanted); });
}

bool is_subject(std::string_view text) {
    return !text.empty() && text.size() <= kMaxEntryBytes &&
           std::all_of(
               text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 31; });
}

bool takes(std::string_view pattern, std::string_view type) {
    if (pattern == "*" || pattern == type) return true;
    return pattern.ends_with(".*") && type.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

Result<EventFilter> EventFilter::make(std::vector<std::string> types,
                                      std::vector<std::string> subjects) {
    if (types.size() > kMaxEntries || subjects.size() > kMaxEntries) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("a filter has at most {} types and {} subjects", kMaxEntries, kMaxEntries)};
    }
    for (const auto& type : types) {
        if (!is_type(type)) {
            return Error{Errc::kInvalidArgument,
                         "a type of events is a name like \"job.succeeded\", or a family like "
                         "\"job.*\""};
        }
    }
    for (const auto& type : types) {
        if (is_told(type)) continue;
        const auto meant = nearest(type, {kTypes.begin(), kTypes.end()});
        return Error{
            Errc::kInvalidArgument,
            fmt::format("there are no events of type {}{}",
                        type,
                        meant.empty() ? std::string() : fmt::format("; did you mean {}?", meant))};
    }
    for (const auto& subject : subjects) {
        if (!is_subject(subject)) {
            return Error{Errc::kInvalidArgument,
                         "a subject of events is the id of a job, or the name of a channel"};
        }
    }
    EventFilter out;
    out.types_ = std::move(types);
    out.subjects_ = std::move(subjects);
    return out;
}

bool EventFilter::wants_type(std::string_view type) const {
    return types_.empty() ||
           std::any_of(types_.begin(), types_.end(), [&](const std::string& pattern) {
               return takes(pattern, type);
           });
}

bool EventFilter::wants(const jobs::Event& event) const {
    if (!wants_type(event.type)) return false;
    return subjects_.empty() ||
           std::find(subjects_.begin(), subjects_.end(), event.subject) != subjects_.end();
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        if (end > 0) out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace sg::api
