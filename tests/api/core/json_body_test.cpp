#include "json_body.hpp"

#include <support/catch.hpp>

using namespace sg::api;

namespace {

std::string fault(std::string_view text, JsonLimits limits = {}) {
    const auto read = read_json(text, limits);
    const auto* problem = std::get_if<Problem>(&read);
    return problem == nullptr ? "" : problem->code + " " + problem->pointer;
}

}  // namespace

TEST_CASE("JSON of every kind is read") {
    const auto read = read_json(R"({"a":[1,-2,3.5,true,null,"\u00e9"],"b":{"c":{}}})");
    const auto* value = std::get_if<nlohmann::json>(&read);
    REQUIRE(value != nullptr);
    CHECK(value->dump() == R"({"a":[1,-2,3.5,true,null,"é"],"b":{"c":{}}})");
    CHECK(std::holds_alternative<nlohmann::json>(read_json("18446744073709551615")));
}

TEST_CASE("a fault of JSON is named with its place") {
    CHECK(fault(R"({"a":{"b":1,"b":2}})") == "duplicate_member /a/b");
    CHECK(fault(R"({"a":[0,{"x/y~":18446744073709551616}]})") == "number_out_of_range /a/1/x~1y~0");
    CHECK(fault(R"({"a":[1,2,-9223372036854775809]})") == "number_out_of_range /a/2");
    CHECK(fault(R"([1e999])") == "number_out_of_range /0");
    CHECK(fault(R"({"name":"a\u0000b"})") == "malformed_json /name");
    CHECK(fault("[[[[1]]]]", {3, 100}) == "json_too_deep /0/0/0");
    CHECK(fault("[1,2,3]", {3, 3}) == "json_too_large /2");
}

TEST_CASE("what is no JSON is refused") {
    for (const std::string text : {"",
                                   "{",
                                   "{\"a\":1,}",
                                   "[1 2]",
                                   "{a:1}",
                                   "'a'",
                                   "NaN",
                                   "01",
                                   "{} {}",
                                   "\"\\ud800\"",
                                   "\"\xc0\xaf\"",
                                   "\"\xed\xa0\x80\"",
                                   "\"\xf8\x88\x80\x80\x80\"",
                                   "\"a\nb\"",
                                   "\xff\xfe{}"}) {
        INFO(text);
        CHECK(fault(text).starts_with("malformed_json"));
    }
    const std::string deep(1'000'000, '[');
    CHECK(fault(deep).starts_with("json_too_deep"));
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
    CHECK(fault(objects).starts_with("json_too_deep"));
}
