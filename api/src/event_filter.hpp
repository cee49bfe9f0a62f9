#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <jobs/event_log.hpp>

#include <base/result.hpp>

namespace sg::api {

/// Which events a stream or a webhook wants. A type ends in ".*" for all of a family ("job.*").
class EventFilter {
  public:
    EventFilter() = default;
    /// Both lists empty: all. Hostile text: kInvalidArgument names what is wrong.
    [[nodiscard]] static Result<EventFilter> make(std::vector<std::string> types,
                                                  std::vector<std::string> subjects);

    [[nodiscard]] bool wants(const jobs::Event& event) const;
    /// Whether one of its types, if it has any, takes this one.
    [[nodiscard]] bool wants_type(std::string_view type) const;

    /// The only subject it takes; empty when it takes several, or all.
    [[nodiscard]] std::string_view only_subject() const noexcept {
        return subjects_.size() == 1 ? std::string_view(subjects_.front()) : std::string_view();
    }

  private:
    std::vector<std::string> types_;
    std::vector<std::string> subjects_;
};

/// "a,b,c" without empty parts.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

}  // namespace sg::api
