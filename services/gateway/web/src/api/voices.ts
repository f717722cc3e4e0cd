import { ApiError, refusalOf } from './api-error';
import { authorization } from './chat';

export interface Voice {
  id: string;
  language: string;
}

/** The voices that the server speaks with, its own choice first. Throws an ApiError. */
export async function voices(key: string): Promise<Voice[]> {
  try {
    const response = await fetch('/v1/audio/voices', { headers: authorization(key) });
    if (!response.ok) throw await refusalOf(response);
    return (await response.json()).data;
  } catch (error) {
    throw ApiError.from(error);
  }
}
