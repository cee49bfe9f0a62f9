#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include <sql/connection.hpp>

#include <engine/job.hpp>

#include "document_rules.hpp"

namespace sg::jobs {

/// Pins the presets that documents name: of the library by version, stored ones by putting them
/// into the document. Remembers which were found good, with their overrides. Thread-safe.
class DocumentPresets {
  public:
    void pin(sql::Connection& db,
             std::string_view owner,
             engine::JobDocument& document,
             Faults& faults);

  private:
    /// The pinned name; empty after a fault.
    [[nodiscard]] std::string pin_one(sql::Connection& db,
                                      std::string_view owner,
                                      const std::string& name,
                                      const std::string& pointer,
                                      engine::JobDocument& document,
                                      Faults& faults) const;
    [[nodiscard]] bool known_good(const std::string& key);
    void remember(std::string key);

    std::mutex mutex_;
    std::unordered_set<std::string> good_;
};

}  // namespace sg::jobs
