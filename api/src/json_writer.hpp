#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <jobs/job.hpp>

namespace sg::api {

/// Writes one JSON value into a text, without a tree: for answers that are asked for thousands of
/// times a second. Bytes that are no UTF-8 become U+FFFD.
class JsonWriter {
  public:
    explicit JsonWriter(std::size_t expected_bytes = 512) { text_.reserve(expected_bytes); }

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
    JsonWriter& value(double number);  ///< to the thousandth; 0 for what is no number
    template <std::same_as<bool> B>
    JsonWriter& value(B flag) {
        return raw(flag ? "true" : "false");
    }
    template <std::integral I>
    requires(!std::same_as<I, bool>) JsonWriter& value(I number) {
        return raw(std::to_string(number));
    }
    JsonWriter& null() { return raw("null"); }
    /// RFC 3339; null for 0.
    JsonWriter& time(jobs::Millis time);
    /// JSON that is known to be JSON; null for none.
    JsonWriter& raw(std::string_view json);

    template <class T>
    JsonWriter& member(std::string_view name, const T& content) {
        return key(name).value(content);
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string text_;
    bool first_ = true;
};

}  // namespace sg::api
