#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sg::telemetry {

using AttributeValue = std::variant<std::string, std::int64_t, double>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

enum class SpanKind { kInternal = 1, kConsumer = 5 };
enum class SpanStatus { kUnset = 0, kOk = 1, kError = 2 };

struct Span {
    std::string trace_id;   ///< 16 bytes
    std::string span_id;    ///< 8 bytes
    std::string parent_id;  ///< 8 bytes, or none
    std::string name;
    SpanKind kind = SpanKind::kInternal;
    std::uint64_t start_ns = 0;  ///< since 1970
    std::uint64_t end_ns = 0;
    Attributes attributes;
    SpanStatus status = SpanStatus::kUnset;
    std::string status_message;
};

/// An ExportTraceServiceRequest of OTLP 1.5 (opentelemetry-proto, trace.proto), binary. Text that
/// is not UTF-8 is repaired, since protobuf refuses it.
[[nodiscard]] std::string encode_trace_request(const Attributes& resource,
                                               const std::string& scope_version,
                                               std::span<const Span> spans);

}  // namespace sg::telemetry
