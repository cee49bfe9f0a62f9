#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sg::telemetry {

/// Named conditions that must hold before traffic is sent here (/readyz). Any thread.
class Health {
  public:
    /// `check` returns what is wrong, empty when all is well; it must not block.
    void add(std::string name, std::function<std::string()> check);

    /// A line that does not keep traffic away: "sandbox degraded: ...".
    void note(std::string name, std::string text);
    /// The same, asked for each time; must not block.
    void note(std::string name, std::function<std::string()> text);

    struct Report {
        bool ready = true;
        std::string text;  ///< one line a condition: "rtmp ok", "disk failed: ..."
    };
    [[nodiscard]] Report report() const;

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::function<std::string()>>> checks_;
    std::vector<std::pair<std::string, std::function<std::string()>>> notes_;
};

}  // namespace sg::telemetry
