/** The two error envelopes of the upstream and their documented codes (MiniMax's and 302.AI's tables). */

const BASE_RESP_MESSAGES: Readonly<Record<number, string>> = {
  0: 'success',
  1000: 'unknown error',
  1001: 'request timeout, please try again later',
  1002: 'rate limit exceeded(RPM)',
  1004: 'login fail',
  1008: 'insufficient balance',
  1013: 'internal service error',
  1024: 'internal error',
  1026: 'input new_sensitive',
  1027: 'output new_sensitive',
  1028: 'Daily quota exhausted',
  1030: 'quota exhausted',
  1033: 'system error',
  1039: 'token limit',
  1041: 'conn limit',
  1042: 'illegal characters',
  2013: 'invalid params',
  2037: 'voice duration too short or too long',
  2042: 'no access to this voice_id',
  2044: 'no permission for this API',
  2045: 'rate growth limit',
  2049: 'invalid api key',
  2056: 'usage limit exceeded',
  2061: 'model not in your plan',
  20132: 'invalid samples or voice_id',
};

/** HTTP status and English text per err_code; only -10008 was ever captured with its status (503). */
const GATEWAY_ERRORS: Readonly<Record<number, readonly [status: number, message: string]>> = {
  [-10001]: [401, 'Missing 302 API key'],
  [-10002]: [401, 'This API key has been disabled or deleted'],
  [-10003]: [500, 'Network error, please try again later'],
  [-10004]: [402, 'Insufficient account balance'],
  [-10005]: [401, 'Account credential expired'],
  [-10006]: [403, 'Total quota reached'],
  [-10007]: [429, 'Daily quota reached'],
  [-10008]: [503, 'No available models currently, please try again later'],
  [-10009]: [400, 'API function not supported'],
  [-10010]: [404, 'Resource not found'],
  [-10011]: [400, 'Invalid request'],
  [-10012]: [429, 'Hourly quota reached'],
  [-10013]: [403, 'Permission denied, model disabled'],
  [-10014]: [403, 'IP address disabled'],
  [-10016]: [400, 'Failed to get the file'],
  [-10017]: [413, 'File too large, max 50MB'],
  [-10018]: [429, 'Monthly quota reached'],
  [-1024]: [504, 'AI interface connection timeout'],
  [-10504]: [504, 'Generation timed out'],
  [-10600]: [400, 'Audio decoding failure'],
};

export interface BaseResp {
  readonly status_code: number;
  readonly status_msg: string;
}

/** MiniMax's envelope; `detail` follows the message as in "invalid params, <detail>". */
export function baseResp(code: number, detail?: string): BaseResp {
  const message = BASE_RESP_MESSAGES[code] ?? 'unknown error';
  return { status_code: code, status_msg: detail === undefined ? message : `${message}, ${detail}` };
}

/** 302.AI's envelope and the status it comes with; the code as text when `asText`. */
export function gatewayError(code: number, asText = false): { readonly status: number; readonly body: string } {
  const [status, message] = GATEWAY_ERRORS[code] ?? [500, 'Unknown error'];
  const error = {
    err_code: asText ? String(code) : code,
    message,
    message_cn: message,
    message_jp: message,
    type: 'api_error',
  };
  return { status, body: JSON.stringify({ error }) };
}
