#include "otlp.hpp"

#include <nlohmann/json.hpp>

#include "protobuf_writer.hpp"

namespace sg::telemetry {
namespace {

std::string utf8(const std::string& text) {
    const auto quoted =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return nlohmann::json::parse(quoted).get<std::string>();
}

std::string encode(const AttributeValue& value) {
    ProtobufWriter out;
    if (const auto* text = std::get_if<std::string>(&value)) {
        out.bytes(1, utf8(*text));
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        out.varint(3, static_cast<std::uint64_t>(*number));
    } else {
        out.real(4, std::get<double>(value));
    }
    return out.data();
}

void add(ProtobufWriter& out, std::uint32_t field, const Attributes& attributes) {
    for (const auto& [key, value] : attributes) {
        ProtobufWriter pair;
        pair.bytes(1, key);
        pair.bytes(2, encode(value));
        out.bytes(field, pair.data());
    }
}

std::string encode(const Span& span) {
    ProtobufWriter out;
    out.bytes(1, span.trace_id);
    out.bytes(2, span.span_id);
    if (!span.parent_id.empty()) out.bytes(4, span.parent_id);
    out.bytes(5, utf8(span.name));
    out.varint(6, static_cast<std::uint64_t>(span.kind));
    out.fixed64(7, span.start_ns);
    out.fixed64(8, span.end_ns);
    add(out, 9, span.attributes);
    if (span.status != SpanStatus::kUnset) {
        ProtobufWriter status;
        if (!span.status_message.empty()) status.bytes(2, utf8(span.status_message));
        status.varint(3, static_cast<std::uint64_t>(span.status));
        out.bytes(15, status.data());
    }
    return out.data();
}

}  // namespace

std::string encode_trace_request(const Attributes& resource,
                                 const std::string& scope_version,
                                 std::span<const Span> spans) {
    ProtobufWriter scope;
    scope.bytes(1, "streamgate");
    scope.bytes(2, scope_version);
    ProtobufWriter scope_spans;
    scope_spans.bytes(1, scope.data());
    for (const auto& span : spans) scope_spans.bytes(2, encode(span));
    ProtobufWriter from;
    add(from, 1, resource);
    ProtobufWriter resource_spans;
    resource_spans.bytes(1, from.data());
    resource_spans.bytes(2, scope_spans.data());
    ProtobufWriter request;
    request.bytes(1, resource_spans.data());
    return request.data();
}

}  // namespace sg::telemetry
