#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <engine/job.hpp>

namespace sg::jobs {

using Faults = std::vector<engine::JobFault>;

void add_fault(Faults& faults, const char* code, std::string pointer, std::string message);

/// One token of a JSON pointer (RFC 6901 §3).
[[nodiscard]] std::string pointer_token(std::string_view key);

/// What a service asks of a document's texts and counts beyond its grammar: no control characters,
/// none that turn the direction of writing, bounded lengths.
void check_texts(const engine::JobDocument& document, std::size_t max_inputs, Faults& faults);

/// The same for one address of an input.
void check_one_text(const std::string& text, const std::string& pointer, Faults& faults);

}  // namespace sg::jobs
