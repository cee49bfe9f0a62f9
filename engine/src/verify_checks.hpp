#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <engine/verify.hpp>

namespace sg::engine {

/// Collects findings: one row for each kind of check and subject that is well, the first few
/// findings otherwise. One thread.
class CheckBook {
  public:
    /// `count` more things of this kind were looked at.
    void checked(std::string_view name, std::string_view subject, std::int64_t count = 1);
    void fail(std::string_view name, std::string_view subject, std::string detail);
    void warn(std::string_view name, std::string_view subject, std::string detail);

    /// Counts one check; `detail` is called only when it failed.
    template <class Detail>
    bool expect(bool ok, std::string_view name, std::string_view subject, Detail&& detail) {
        checked(name, subject);
        if (!ok) fail(name, subject, detail());
        return ok;
    }
    template <class Detail>
    bool recommend(bool ok, std::string_view name, std::string_view subject, Detail&& detail) {
        checked(name, subject);
        if (!ok) warn(name, subject, detail());
        return ok;
    }

    void append(const CheckBook& other);
    [[nodiscard]] std::vector<Check> rows() const;

  private:
    struct Topic {
        std::string name;
        std::string subject;
        std::int64_t checked = 0;
        std::int64_t failures = 0;
        std::int64_t warnings = 0;
        std::vector<std::string> shown_failures;
        std::vector<std::string> shown_warnings;
    };
    Topic& topic(std::string_view name, std::string_view subject);

    std::vector<Topic> topics_;
};

}  // namespace sg::engine
