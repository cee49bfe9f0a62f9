#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <base/result.hpp>

namespace sg::formats {

/// A value of Action Message Format 0 (AMF0 specification, December 2007), or one of the simple
/// AMF3 values that may stand in its place behind the avmplus marker (section 3.1).
class Amf0Value {
  public:
    struct Undefined {
        bool operator==(const Undefined&) const = default;
    };
    struct Null {
        bool operator==(const Null&) const = default;
    };
    /// Milliseconds since 1970 in UTC.
    struct Date {
        double milliseconds = 0;
        bool operator==(const Date&) const = default;
    };
    using Property = std::pair<std::string, Amf0Value>;
    /// An anonymous or typed object, or an ECMA array; in the order of the bytes.
    struct Object {
        std::vector<Property> properties;
        bool ecma_array = false;
        bool operator==(const Object& other) const;
    };
    using Array = std::vector<Amf0Value>;

    Amf0Value() = default;
    Amf0Value(double number) : value_(number) {}                     // NOLINT implicit
    Amf0Value(bool boolean) : value_(boolean) {}                     // NOLINT implicit
    Amf0Value(std::string text) : value_(std::move(text)) {}         // NOLINT implicit
    Amf0Value(std::string_view text) : value_(std::string(text)) {}  // NOLINT implicit
    Amf0Value(const char* text) : value_(std::string(text)) {}       // NOLINT implicit
    Amf0Value(Null null) : value_(null) {}                           // NOLINT implicit
    Amf0Value(Date date) : value_(date) {}                           // NOLINT implicit
    Amf0Value(Object object) : value_(std::move(object)) {}          // NOLINT implicit
    Amf0Value(Array array) : value_(std::move(array)) {}             // NOLINT implicit

    [[nodiscard]] const double* number() const { return std::get_if<double>(&value_); }
    [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&value_); }
    [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&value_); }
    [[nodiscard]] const Date* date() const { return std::get_if<Date>(&value_); }
    [[nodiscard]] const Object* object() const { return std::get_if<Object>(&value_); }
    [[nodiscard]] const Array* array() const { return std::get_if<Array>(&value_); }
    [[nodiscard]] bool is_null() const { return std::holds_alternative<Null>(value_); }
    [[nodiscard]] bool is_undefined() const { return std::holds_alternative<Undefined>(value_); }

    /// The property of an object, nullptr when this is none or has none of that name.
    [[nodiscard]] const Amf0Value* find(std::string_view name) const;

    bool operator==(const Amf0Value&) const = default;

  private:
    std::variant<Undefined, Null, double, bool, std::string, Date, Object, Array> value_;
};

struct Amf0Limits {
    std::size_t depth = 16;
    std::size_t values = 4096;  ///< in one message, nested ones included
};

/// All values of one message, one after the other. Refuses what cannot be in a command or a data
/// message (references, movie clips, record sets, AMF3 objects) by name.
[[nodiscard]] Result<std::vector<Amf0Value>> read_amf0(std::span<const std::byte> bytes,
                                                       const Amf0Limits& limits = {});

/// Appends one value. Strings over 65535 bytes are written as long strings; property names are cut
/// there.
void write_amf0(const Amf0Value& value, std::vector<std::byte>& out);

}  // namespace sg::formats
