// SPDX-License-Identifier: Apache-2.0
// Whether a value fits a JSON Schema (draft 2020-12), of the words that config_schema() uses. A
// word beyond those is an error, so that none is passed over.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace retinue::test {

[[nodiscard]] inline bool is_of_type(const nlohmann::json& value, const std::string& type)
{
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (type == "integer")
    return value.is_number() && std::floor(value.get<double>()) == value.get<double>();
  throw std::logic_error("the schema has the type " + type);
}

[[nodiscard]] inline bool fits(const nlohmann::json& schema, const nlohmann::json& value)
{
  const auto numbers = [&](const auto& holds) { return !value.is_number() || holds(value); };
  const auto lengths = [&](const auto& holds) { return !value.is_array() || holds(value.size()); };
  for (const auto& item : schema.items()) {
    const std::string& word = item.key();
    const nlohmann::json& said = item.value();
    bool right = true;
    if (word == "type")
      right = said.is_array() ? std::any_of(said.begin(), said.end(),
                                            [&](const auto& t) { return is_of_type(value, t); })
                              : is_of_type(value, said);
    else if (word == "enum")
      right = std::find(said.begin(), said.end(), value) != said.end();
    else if (word == "anyOf")
      right = std::any_of(said.begin(), said.end(), [&](const auto& s) { return fits(s, value); });
    else if (word == "minimum")
      right = numbers([&](const auto& v) { return v.template get<double>() >= said; });
    else if (word == "exclusiveMinimum")
      right = numbers([&](const auto& v) { return v.template get<double>() > said; });
    else if (word == "maximum")
      right = numbers([&](const auto& v) { return v.template get<double>() <= said; });
    else if (word == "minLength")
      right = !value.is_string() || value.get<std::string>().size() >= said;
    else if (word == "minItems")
      right = lengths([&](std::size_t n) { return n >= said; });
    else if (word == "maxItems")
      right = lengths([&](std::size_t n) { return n <= said; });
    else if (word == "items")
      right = !value.is_array() ||
              std::all_of(value.begin(), value.end(), [&](const auto& v) { return fits(said, v); });
    else if (word == "properties" && value.is_object()) {
      for (const auto& [key, inner] : value.items())
        right = right && (!said.contains(key) || fits(said[key], inner));
    } else if (word == "additionalProperties" && value.is_object()) {
      for (const auto& [key, inner] : value.items())
        right = right && (said.get<bool>() || schema["properties"].contains(key));
    } else if (word != "properties" && word != "additionalProperties" && word != "title" &&
               word != "$schema") {
      throw std::logic_error("the schema has the word " + word);
    }
    if (!right) return false;
  }
  return true;
}

}  // namespace retinue::test
